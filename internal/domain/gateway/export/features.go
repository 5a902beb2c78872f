package export

import (
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export/features"
)

// checkFeatures holds what is exported against what the class supports, when the
// class is in the input.
func (x *export) checkFeatures() {
	x.checkChannel()
	class, ok := find(x.Classes, "", x.Class)
	if !ok {
		return
	}
	if len(class.Status.SupportedFeatures) == 0 {
		x.lose("GatewayClass "+class.Name, "status.supportedFeatures", Missing, "the class does not say what it supports: nothing was held against it", "read its controller's conformance report")
		return
	}
	for _, object := range x.standard() {
		x.checkObject(class, object)
	}
}

// checkObject notes the features of an object that the class does not support.
func (x *export) checkObject(class *gatewayv1.GatewayClass, object client.Object) {
	for _, need := range features.Needs(object) {
		if !slices.ContainsFunc(class.Status.SupportedFeatures, func(f gatewayv1.SupportedFeature) bool { return string(f.Name) == need.Feature }) {
			x.lose(title(object), need.Field, Closed, fmt.Sprintf("GatewayClass %s does not support %s", class.Name, need.Feature), "do without it, or choose another class")
		}
	}
}

// checkChannel notes fields that the standard channel of Gateway API does not have.
func (x *export) checkChannel() {
	for _, r := range x.routes {
		if r.http == nil {
			continue
		}
		for i, rule := range r.http.Spec.Rules {
			x.checkField(r, fmt.Sprintf("spec.rules[%d].retry", i), rule.Retry != nil)
			x.checkField(r, fmt.Sprintf("spec.rules[%d].sessionPersistence", i), rule.SessionPersistence != nil)
		}
	}
}

func (x *export) checkField(r *route, field string, used bool) {
	if used {
		x.lose(r.title(), field, Closed, "the standard channel of Gateway API refuses the field", "install the experimental channel there, or leave the field out")
	}
}
