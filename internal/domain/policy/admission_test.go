package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

func raw(text string) runtime.RawExtension { return runtime.RawExtension{Raw: []byte(text)} }

// TestFromAdmission decodes numbers as Kubernetes does: an expression such as
// object.spec.size + 1 has no meaning for a float.
func TestFromAdmission(t *testing.T) {
	t.Parallel()
	dry := true
	r, err := policy.FromAdmission(&admissionv1.AdmissionRequest{
		Operation: admissionv1.Update, Namespace: "shop", Name: "x", DryRun: &dry,
		Kind:     metav1.GroupVersionKind{Group: "corp.example", Version: "v1", Kind: "Widget"},
		Resource: metav1.GroupVersionResource{Group: "corp.example", Version: "v1", Resource: "widgets"},
		Object:   raw(`{"spec":{"size":3,"ratio":0.5}}`), OldObject: raw(`{"spec":{"size":2}}`), Options: raw(`{"kind":"UpdateOptions"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"spec": map[string]any{"size": int64(3), "ratio": 0.5}}
	if diff := cmp.Diff(want, r.Object); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
	if r.OldObject == nil || r.Options == nil || !r.DryRun || r.Kind.Kind != "Widget" || r.Resource.Resource != "widgets" {
		t.Errorf("request %+v", r)
	}
	if _, err := policy.FromAdmission(&admissionv1.AdmissionRequest{OldObject: raw("{")}); err == nil || !strings.Contains(err.Error(), "old object") {
		t.Errorf("a broken old object: %v", err)
	}
}
