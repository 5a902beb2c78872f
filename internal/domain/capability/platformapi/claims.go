package platformapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

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
	case r.Header.Get("If-None-Match") == etag(found[0]):
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
	body, wrong = bodyOf(r, "application/json")
	if wrong != nil {
		return nil, "", nil, wrong
	}
	claim = &unstructured.Unstructured{}
	if err := json.Unmarshal(body, &claim.Object); err != nil || claim.Object == nil {
		return nil, "", nil, refusal(http.StatusBadRequest, "the body is no JSON object")
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

// writable refuses metadata that is not the caller's.
func writable(metadata map[string]any) *problem.Problem {
	for field := range metadata {
		switch field {
		case "name", "namespace", "labels", "annotations":
		default:
			return wrongField("metadata."+field, "it is set by the server")
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		texts, ok := metadata[field].(map[string]any)
		if metadata[field] != nil && !ok {
			return wrongField("metadata."+field, "it must be an object")
		}
		for key, value := range texts {
			if host, _, _ := strings.Cut(key, "/"); strings.HasSuffix("."+host, ".roadbed.dev") {
				return wrongField("metadata."+field+"["+key+"]", "it is set by the platform")
			}
			if _, ok := value.(string); !ok {
				return wrongField("metadata."+field+"["+key+"]", "it must be a string")
			}
		}
	}
	return nil
}

func wrongField(field, detail string) *problem.Problem {
	p := problem.New(http.StatusUnprocessableEntity, field+": "+detail)
	p.Errors = []problem.FieldError{{Field: field, Detail: detail}}
	return &p
}

func bodyOf(r *http.Request, mediaTypes ...string) ([]byte, *problem.Problem) {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	allowed := false
	for _, each := range mediaTypes {
		allowed = allowed || given == each
	}
	if err != nil || !allowed {
		return nil, refusal(http.StatusUnsupportedMediaType, "Content-Type must be "+strings.Join(mediaTypes, " or "))
	}
	body, err := io.ReadAll(r.Body)
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
	}
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body cannot be read")
	}
	return bytes.TrimSpace(body), nil
}

// The media types of patches.
const (
	mergePatch = "application/merge-patch+json"
	jsonPatch  = "application/json-patch+json"
)

// patch changes a claim's spec, labels or annotations.
func (h *Handler) patch(w http.ResponseWriter, r *http.Request, to *target) {
	namespace, wrong := to.one()
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	body, wrong := bodyOf(r, mergePatch, jsonPatch)
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	claims, before, wrong := h.held(r, to, namespace)
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	merge, wrong := mergeOf(before, to.caller, r.Header, body)
	if wrong == nil {
		wrong = h.record(r, to, namespace, to.name, "patch")
	}
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	after, err := claims.Patch(r.Context(), to.name, types.MergePatchType, merge, metav1.PatchOptions{FieldValidation: "Strict"})
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	answer(w, http.StatusOK, after)
}

// held is the claim that a request would change, as the namespace's account sees
// it, held to the version that the request names.
func (h *Handler) held(r *http.Request, to *target, namespace string) (dynamic.ResourceInterface, *unstructured.Unstructured, *problem.Problem) {
	client, err := h.accounts.As(r.Context(), namespace)
	if err != nil {
		return nil, nil, h.failure(err)
	}
	claims := client.Resource(to.resource).Namespace(namespace)
	before, err := claims.Get(r.Context(), to.name, metav1.GetOptions{})
	if err != nil {
		return nil, nil, h.failure(err)
	}
	return claims, before, matches(r, before)
}

// matches holds a request to the version that its If-Match names.
func matches(r *http.Request, claim *unstructured.Unstructured) *problem.Problem {
	if want := r.Header.Get("If-Match"); want != "" && want != "*" && want != etag(claim) {
		return refusal(http.StatusPreconditionFailed, "the claim has changed since: read it again")
	}
	return nil
}

// remove gives a claim up. It is gone when what was made for it is.
func (h *Handler) remove(w http.ResponseWriter, r *http.Request, to *target) {
	namespace, wrong := to.one()
	if wrong != nil {
		problem.Write(w, *wrong)
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
	if r.Header.Get("If-Match") != "" {
		exactly.ResourceVersion = &version
	}
	if err := claims.Delete(r.Context(), to.name, metav1.DeleteOptions{Preconditions: exactly}); err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	answer(w, http.StatusAccepted, before)
}
