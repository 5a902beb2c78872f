package platformapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// read answers with one claim. Without a namespace it is looked for in all of
// the tenant's.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, to *target) {
	var found []*unstructured.Unstructured
	for _, namespace := range to.namespaces {
		client, err := h.accounts.As(r.Context(), namespace)
		if err == nil {
			var claim *unstructured.Unstructured
			claim, err = client.Resource(to.resource).Namespace(namespace).Get(r.Context(), to.name, metav1.GetOptions{})
			if err == nil {
				found = append(found, claim)
			}
		}
		if err != nil && !apierrors.IsNotFound(err) {
			problem.Write(w, *h.failure(err))
			return
		}
	}
	switch {
	case len(found) == 0:
		problem.Write(w, *to.absent())
	case len(found) > 1:
		_, wrong := to.one()
		problem.Write(w, *wrong)
	case tagged(r.Header.Values("If-None-Match"), found[0], true):
		w.Header().Set("ETag", etag(found[0]))
		w.WriteHeader(http.StatusNotModified)
	default:
		answer(w, http.StatusOK, found[0])
	}
}

func (t *target) absent() *problem.Problem {
	return refusal(http.StatusNotFound, fmt.Sprintf("there is no %s %q in %s", t.kind, t.name, strings.Join(t.namespaces, ", ")))
}

// create makes a claim, or answers with the one that the same request made before.
func (h *Handler) create(w http.ResponseWriter, r *http.Request, to *target) {
	claim, namespace, body, wrong := h.wish(r, to)
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	key, wrong := idempotencyKey(r.Header)
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	stamp(claim, key, to.caller, body)
	if wrong := h.record(r, to, namespace, claim.GetName(), "create"); wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	client, err := h.accounts.As(r.Context(), namespace)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	claims := client.Resource(to.resource).Namespace(namespace)
	made, err := claims.Create(r.Context(), claim, metav1.CreateOptions{FieldValidation: "Strict"})
	if apierrors.IsAlreadyExists(err) && key != "" {
		before, readErr := claims.Get(r.Context(), claim.GetName(), metav1.GetOptions{})
		if readErr == nil {
			repeated(w, to, before, key, body)
			return
		}
	}
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	w.Header().Set("Location", to.location(made))
	answer(w, http.StatusCreated, made)
}

func (t *target) location(claim *unstructured.Unstructured) string {
	return "/" + t.version + "/" + t.api + "/" + claim.GetName() + "?namespace=" + claim.GetNamespace()
}

// wish reads the claim that a request wants made, and where.
func (h *Handler) wish(r *http.Request, to *target) (claim *unstructured.Unstructured, namespace string, body []byte, wrong *problem.Problem) {
	body, wrong = bodyOf(r, jsonText)
	if wrong != nil {
		return nil, "", nil, wrong
	}
	claim = &unstructured.Unstructured{}
	if claim.Object, wrong = objectOf(body); wrong != nil {
		return nil, "", nil, wrong
	}
	for field, want := range map[string]string{"apiVersion": to.resource.Group + "/" + to.version, "kind": to.kind} {
		if got, given := claim.Object[field]; given && got != want {
			return nil, "", nil, wrongField(field, fmt.Sprintf("it must be %q here, or absent", want))
		}
		claim.Object[field] = want
	}
	metadata, ok := claim.Object["metadata"].(map[string]any)
	if !ok {
		return nil, "", nil, wrongField("metadata", "it must be an object with a name")
	}
	if name, ok := metadata["name"].(string); !ok || name == "" {
		return nil, "", nil, wrongField("metadata.name", "it must be given")
	}
	delete(claim.Object, "status")
	if wrong := writable(metadata); wrong != nil {
		return nil, "", nil, wrong
	}
	if given, _ := metadata["namespace"].(string); given != "" {
		if to.namespace != "" && to.namespace != given {
			return nil, "", nil, wrongField("metadata.namespace", "the query names another")
		}
		to.namespace = given
		if wrong := h.place(r.Context(), to); wrong != nil {
			return nil, "", nil, wrong
		}
	}
	namespace, wrong = to.one()
	claim.SetNamespace(namespace)
	return claim, namespace, body, wrong
}

// remove gives a claim up. It is gone when what was made for it is.
func (h *Handler) remove(w http.ResponseWriter, r *http.Request, to *target) {
	namespace, wrong := to.one()
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	if body, err := io.ReadAll(r.Body); err != nil || len(bytes.TrimSpace(body)) > 0 {
		problem.Write(w, problem.New(http.StatusBadRequest, "DELETE takes no body: say by If-Match which version is meant"))
		return
	}
	claims, before, wrong := h.held(r, to, namespace)
	if wrong == nil {
		wrong = h.record(r, to, namespace, to.name, "delete")
	}
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	uid, version := before.GetUID(), before.GetResourceVersion()
	exactly := &metav1.Preconditions{UID: &uid}
	if pinned(r.Header) {
		exactly.ResourceVersion = &version
	}
	if err := claims.Delete(r.Context(), to.name, metav1.DeleteOptions{Preconditions: exactly}); err != nil {
		problem.Write(w, *h.conflict(r, err))
		return
	}
	answer(w, http.StatusAccepted, before)
}
