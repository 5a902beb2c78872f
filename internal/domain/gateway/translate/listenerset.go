package translate

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
)

func (s *setState) acceptance() finding.Verdict {
	const kind = gatewayv1.ListenerSetConditionAccepted
	switch {
	case len(s.refused) > 0:
		return finding.Fails(kind, s.refused.Reason(), s.refused.Message())
	case len(s.gateway.rejected()) > 0:
		return finding.Fails(kind, gatewayv1.ListenerSetReasonParentNotAccepted, "The Gateway is not accepted: see its status.")
	}
	return acceptedAs(string(kind), s.listeners, (*listenerState).valid, "The Gateway serves these listeners.")
}

func (s *setState) programming(accepted finding.Verdict) finding.Verdict {
	const kind = gatewayv1.ListenerSetConditionProgrammed
	switch {
	case !accepted.Status:
		return finding.Verdict{Kind: string(kind), Reason: accepted.Reason, Message: accepted.Message}
	case !slices.ContainsFunc(s.listeners, func(l *listenerState) bool { return l.served }):
		return finding.Fails(kind, gatewayv1.ListenerSetReasonPending, "The Gateway has no address: see its status.")
	}
	return finding.Holds(kind, gatewayv1.ListenerSetReasonProgrammed, "The gateway listens.")
}

// reportSet puts down the status of a ListenerSet where it differs.
func (r *round) reportSet(s *setState) {
	old := &s.object.Status
	accepted := s.acceptance()
	status := gatewayv1.ListenerSetStatus{
		Conditions: finding.Conditions(old.Conditions, s.object.Generation, r.now, accepted, s.programming(accepted)),
	}
	if len(s.refused) == 0 {
		for _, l := range s.listeners {
			status.Listeners = append(status.Listeners, l.status(r, s.object.Generation, before(old.Listeners, l.spec.Name)))
		}
	}
	if equality.Semantic.DeepEqual(*old, status) {
		return
	}
	changed := s.object.DeepCopy()
	changed.Status = status
	r.told.gateways = append(r.told.gateways, changed)
}
