package platformapi

import (
	"fmt"
	"mime"
	"net/http"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// The media types of patches.
const (
	mergePatch = "application/merge-patch+json"
	jsonPatch  = "application/json-patch+json"
)

const (
	// mostOperations is how many operations a JSON patch may have.
	mostOperations = 1000
	// attempts is how often a change is tried that others, such as who writes the
	// status, keep getting in before.
	attempts = 5
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
		if wrong.Status == http.StatusUnsupportedMediaType {
			w.Header().Set("Accept-Patch", mergePatch+", "+jsonPatch)
		}
		problem.Write(w, *wrong)
		return
	}
	for n := 1; ; n++ {
		after, wrong, err := h.change(r, to, namespace, body, n == 1)
		switch {
		case wrong != nil:
			problem.Write(w, *wrong)
			return
		case apierrors.IsConflict(err) && n < attempts && !pinned(r.Header) && r.Context().Err() == nil:
			continue
		case err != nil:
			problem.Write(w, *h.conflict(r, err))
			return
		}
		answer(w, http.StatusOK, after)
		return
	}
}

// change makes one attempt at a change. The first is put on the trail. err is the
// API server's.
func (h *Handler) change(r *http.Request, to *target, namespace string, body []byte, first bool) (after *unstructured.Unstructured, wrong *problem.Problem, err error) {
	claims, before, wrong := h.held(r, to, namespace)
	if wrong != nil {
		return nil, wrong, nil
	}
	merge, wrong := mergeOf(before, to.caller, r.Header, body)
	if wrong == nil && first {
		wrong = h.record(r, to, namespace, to.name, "patch")
	}
	if wrong != nil {
		return nil, wrong, nil
	}
	after, err = claims.Patch(r.Context(), to.name, types.MergePatchType, merge, metav1.PatchOptions{FieldValidation: "Strict"})
	return after, nil, err
}

// conflict is failure, for who may have said which version he means.
func (h *Handler) conflict(r *http.Request, err error) *problem.Problem {
	if apierrors.IsConflict(err) && pinned(r.Header) {
		return changed()
	}
	return h.failure(err)
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

// mergeOf makes a merge patch of either sort of patch, and refuses one that
// reaches what is not the caller's. It is bound to the claim as it was read when
// it depends on that: a JSON patch does, and who says which version he means. A
// change of the spec is put down as the caller's.
func mergeOf(before *unstructured.Unstructured, caller Caller, header http.Header, body []byte) ([]byte, *problem.Problem) {
	merge, bound := body, pinned(header)
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == jsonPatch {
		var wrong *problem.Problem
		if merge, wrong = applied(before, body); wrong != nil {
			return nil, wrong
		}
		bound = true
	}
	return checked(before, caller, merge, bound)
}

// applied is what a JSON patch changes, as a merge patch.
func applied(before *unstructured.Unstructured, body []byte) ([]byte, *problem.Problem) {
	was, err := before.MarshalJSON()
	if err != nil {
		return nil, refusal(http.StatusInternalServerError, "the claim cannot be read")
	}
	operations, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON patch: "+err.Error())
	}
	if len(operations) > mostOperations {
		return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("a JSON patch has at most %d operations", mostOperations))
	}
	bounds := jsonpatch.NewApplyOptions()
	bounds.AccumulatedCopySizeLimit = maxBody
	became, err := operations.ApplyWithOptions(was, bounds)
	if err != nil {
		return nil, refusal(http.StatusUnprocessableEntity, "the JSON patch does not fit the claim: "+err.Error())
	}
	merge, err := jsonpatch.CreateMergePatch(was, became)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the JSON patch leaves no claim")
	}
	return merge, nil
}

// checked is a merge patch that changes what callers may change and nothing else.
func checked(before *unstructured.Unstructured, caller Caller, merge []byte, bound bool) ([]byte, *problem.Problem) {
	change, wrong := objectOf(merge)
	if wrong != nil {
		return nil, wrong
	}
	for field, value := range change {
		switch {
		case field == "spec" || field == "metadata":
		case isText(value) && value == before.Object[field]: // what it is already, such as its kind
			delete(change, field)
		default:
			return nil, wrongField(field, "it cannot be changed here")
		}
	}
	metadata, ok := change["metadata"].(map[string]any)
	if !ok && change["metadata"] != nil {
		return nil, wrongField("metadata", "it must be an object")
	}
	if metadata == nil {
		metadata = map[string]any{}
		change["metadata"] = metadata
	}
	version, known := metadata["resourceVersion"]
	if known && version != before.GetResourceVersion() {
		return nil, refusal(http.StatusConflict, "metadata.resourceVersion: the claim has changed since: read it again")
	}
	delete(metadata, "resourceVersion")
	if wrong := changeable(before, metadata); wrong != nil {
		return nil, wrong
	}
	if _, asks := change["spec"]; asks {
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations == nil {
			annotations = map[string]any{}
			metadata["annotations"] = annotations
		}
		annotations[v1alpha1.AnnotationAskedBy] = caller.Name
	}
	if bound || known {
		metadata["resourceVersion"] = before.GetResourceVersion()
	}
	text, err := json.Marshal(change)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON object")
	}
	return text, nil
}

func isText(value any) bool {
	_, is := value.(string)
	return is
}

// changeable is writable for a change, where null takes a value away. What is said
// of the claim and is so already changes nothing.
func changeable(before *unstructured.Unstructured, metadata map[string]any) *problem.Problem {
	given := map[string]any{}
	for field, value := range metadata {
		if field == "name" && value == before.GetName() || field == "namespace" && value == before.GetNamespace() || field == "uid" && value == string(before.GetUID()) {
			delete(metadata, field)
			continue
		}
		texts, ok := value.(map[string]any)
		if !ok || (field != "labels" && field != "annotations") {
			return wrongField("metadata."+field, "it cannot be changed here")
		}
		kept := map[string]any{}
		for key, text := range texts {
			if text == nil {
				text = ""
			}
			kept[key] = text
		}
		given[field] = kept
	}
	return writable(given)
}
