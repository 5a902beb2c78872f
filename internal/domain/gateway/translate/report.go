package translate

import (
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// report puts down the statuses that depend on what attached, where that changed.
func (r *round) report() {
	if r.reframed || r.recount {
		r.told.gateways = nil
		for _, g := range r.ordered {
			r.reportGateway(g)
			for _, set := range g.sets {
				r.reportSet(set)
			}
		}
	}
	if r.reframed || r.rerouted {
		r.reportTLSPolicies()
		r.reportPolicies()
	}
}

// oldParent are the conditions that this controller gave a parent before.
func (r *round) oldParent(status *gatewayv1.RouteStatus, ref gatewayv1.ParentReference) []metav1.Condition {
	for i := range status.Parents {
		p := &status.Parents[i]
		if string(p.ControllerName) == r.settings.Controller && equality.Semantic.DeepEqual(p.ParentRef, ref) {
			return p.Conditions
		}
	}
	return nil
}

// oldAncestor are the conditions that this controller gave an ancestor before.
func (r *round) oldAncestor(list []gatewayv1.PolicyAncestorStatus, ref gatewayv1.ParentReference) []metav1.Condition {
	for i := range list {
		if string(list[i].ControllerName) == r.settings.Controller && equality.Semantic.DeepEqual(list[i].AncestorRef, ref) {
			return list[i].Conditions
		}
	}
	return nil
}
