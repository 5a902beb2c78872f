package operator

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	hooks "sigs.k8s.io/controller-runtime/pkg/webhook"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestHold: a new tenant gets our finalizer once, beside those of others.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, sent, operation string
		refused               bool
	}{
		{name: "none", sent: `{"metadata":{"name":"a"}}`, operation: `[add: /metadata/finalizers [tenancy.roadbed.dev/roadbed]]`},
		{name: "empty list", sent: `{"metadata":{"finalizers":[]}}`, operation: `[add: /metadata/finalizers [tenancy.roadbed.dev/roadbed]]`},
		{name: "somebody else's", sent: `{"metadata":{"finalizers":["x.dev/y"]}}`, operation: `[add: /metadata/finalizers/- tenancy.roadbed.dev/roadbed]`},
		{name: "ours", sent: `{"metadata":{"finalizers":["tenancy.roadbed.dev/roadbed"]}}`},
		{name: "a spec that nobody has validated", sent: `{"metadata":{},"spec":{"quota":{"cpu":"lots"}}}`, operation: `[add: /metadata/finalizers [tenancy.roadbed.dev/roadbed]]`},
		{name: "no object", sent: `[]`, refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := hold(t.Context(), webhook.Request{AdmissionRequest: admissionv1.AdmissionRequest{Object: runtime.RawExtension{Raw: []byte(test.sent)}}})
			if response.Allowed == test.refused {
				t.Errorf("allowed: %v", response.Allowed)
			}
			if got := told(response.Patches); got != test.operation {
				t.Errorf("patches %s, want %s", got, test.operation)
			}
		})
	}
}

func told(operations []hooks.JSONPatchOp) string {
	var all []string
	for _, o := range operations {
		all = append(all, fmt.Sprintf("[%s: %s %v]", o.Operation, o.Path, o.Value))
	}
	return strings.Join(all, ",")
}
