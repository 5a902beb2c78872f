package platformapi

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// The annotations that the API keeps with a claim.
const (
	annotationKey  = v1alpha1.Prefix + "idempotency-key"
	annotationBody = v1alpha1.Prefix + "idempotency-body"
)

const maxKey = 128

// idempotencyKey reads the request's key, empty when it has none.
func idempotencyKey(header http.Header) (string, *problem.Problem) {
	values := header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.Trim(values[0], `"`) // the draft has it quoted, most send it bare
	if len(values) > 1 || key == "" || len(key) > maxKey {
		return "", refusal(http.StatusBadRequest, "Idempotency-Key: give one of 1 to 128 characters")
	}
	return key, nil
}

// hashed is what is kept of a key or a body: neither is read again.
func hashed(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// canonical is a JSON text without what makes no difference.
func canonical(body []byte) []byte {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return body
	}
	text, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return text
}

// stamp puts down on whose behalf a claim is made, and what tells a repetition of
// the request; key may be empty.
func stamp(claim *unstructured.Unstructured, key string, caller Caller, body []byte) {
	annotations := claim.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationAskedBy] = caller.Name
	if key != "" {
		annotations[annotationKey] = hashed([]byte(key))
		annotations[annotationBody] = hashed(canonical(body))
	}
	claim.SetAnnotations(annotations)
}

// withoutOwn are annotations without those of the API.
func withoutOwn(annotations map[string]string) map[string]string {
	rest := maps.Clone(annotations)
	for _, key := range []string{annotationKey, annotationBody} {
		delete(rest, key)
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// repeated answers a request whose claim is there already.
func repeated(w http.ResponseWriter, to *target, claim *unstructured.Unstructured, key string, body []byte) {
	annotations := claim.GetAnnotations()
	switch {
	case annotations[annotationKey] != hashed([]byte(key)):
		problem.Write(w, problem.New(http.StatusConflict, "there is a claim of that name already, made by another request"))
	case annotations[annotationBody] != hashed(canonical(body)):
		problem.Write(w, problem.New(http.StatusUnprocessableEntity, "this Idempotency-Key was used with another body: take a new key for a new request"))
	default:
		w.Header().Set("Location", to.location(claim))
		answer(w, http.StatusCreated, claim)
	}
}

// mergeOf makes a merge patch of either sort of patch, and refuses one that
// reaches what is not the caller's. It is bound to the claim as it was read when
// it depends on that: a JSON patch does, and a request with If-Match. A change of
// the spec is put down as the caller's.
func mergeOf(before *unstructured.Unstructured, caller Caller, header http.Header, body []byte) ([]byte, *problem.Problem) {
	merge, bound := body, header.Get("If-Match") != ""
	if strings.HasPrefix(header.Get("Content-Type"), jsonPatch) {
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
		return nil, refusal(http.StatusBadRequest, "the body is no JSON patch")
	}
	became, err := operations.Apply(was)
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
	var change map[string]any
	if err := json.Unmarshal(merge, &change); err != nil || change == nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON object")
	}
	for field := range change {
		if field != "spec" && field != "metadata" {
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
	if wrong := changeable(metadata); wrong != nil {
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
	if bound {
		metadata["resourceVersion"] = before.GetResourceVersion()
	}
	text, err := json.Marshal(change)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON object")
	}
	return text, nil
}

// changeable is writable for a change, where null takes a value away.
func changeable(metadata map[string]any) *problem.Problem {
	given := map[string]any{}
	for field, value := range metadata {
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
