package platformapi

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"

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
