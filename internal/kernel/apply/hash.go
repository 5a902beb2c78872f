package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Hash is "sha256:..." of the object as canonical JSON: keys sorted, no white
// space, nothing escaped that need not be, without apiVersion, kind, status,
// and of the metadata without managedFields, resourceVersion and generation.
// It tells whether what people and controllers wish of an object is the same.
// An object that JSON cannot express, and nil, have the hash "".
func Hash(obj client.Object) string {
	if obj == nil {
		return ""
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj.DeepCopyObject())
	if err != nil {
		return ""
	}
	for _, key := range []string{"apiVersion", "kind", "status"} {
		delete(content, key)
	}
	if metadata, ok := content["metadata"].(map[string]any); ok {
		for _, key := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(metadata, key)
		}
	}
	var canonical bytes.Buffer
	encoder := json.NewEncoder(&canonical)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content); err != nil {
		return ""
	}
	sum := sha256.Sum256(bytes.TrimRight(canonical.Bytes(), "\n"))
	return "sha256:" + hex.EncodeToString(sum[:])
}
