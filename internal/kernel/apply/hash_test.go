package apply_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func TestHash(t *testing.T) {
	t.Parallel()
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "rates", Namespace: "tenant-payments"},
		Data:       map[string]string{"b": "<2>", "a": "1"},
	}
	sum := sha256.Sum256([]byte(`{"data":{"a":"1","b":"<2>"},"metadata":{"name":"rates","namespace":"tenant-payments"}}`))
	want := "sha256:" + hex.EncodeToString(sum[:])
	if got := apply.Hash(object); got != want {
		t.Errorf("Hash() = %s, want that of the canonical JSON, %s", got, want)
	}

	stored := object.DeepCopy()
	stored.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
	stored.ResourceVersion, stored.Generation = "7", 3
	stored.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	if got := apply.Hash(stored); got != want {
		t.Error("what only the server counts changes the hash")
	}
	stored.Data["a"] = "2"
	if apply.Hash(stored) == want {
		t.Error("what people wish does not change the hash")
	}
	if got := apply.Hash(nil); got != "" {
		t.Errorf("Hash(nil) = %q, want nothing", got)
	}
}
