package operator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	hooks "sigs.k8s.io/controller-runtime/pkg/webhook"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// hold gives a new tenant our finalizer while it is created, which spares the
// controller a write of its own. Only the metadata is looked at, for nobody has
// validated the rest yet. A tenant that was created while this was not there
// gets its finalizer from the controller, before anything is done for it.
func hold(_ context.Context, request webhook.Request) webhook.Response {
	var tenant metav1.PartialObjectMetadata
	if err := json.Unmarshal(request.Object.Raw, &tenant); err != nil {
		return webhook.Errored(http.StatusBadRequest, err)
	}
	add := hooks.JSONPatchOp{Operation: "add", Path: "/metadata/finalizers/-", Value: v1alpha1.Finalizer}
	switch {
	case slices.Contains(tenant.Finalizers, v1alpha1.Finalizer):
		return webhook.Allowed("")
	case len(tenant.Finalizers) == 0:
		add.Path, add.Value = "/metadata/finalizers", []string{v1alpha1.Finalizer}
	}
	return webhook.Patched("", add)
}
