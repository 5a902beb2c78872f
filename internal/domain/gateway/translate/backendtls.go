package translate

import (
	"cmp"
	"crypto/x509"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/trust"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// tlsState is what a round finds about a BackendTLSPolicy.
type tlsState struct {
	object *gatewayv1.BackendTLSPolicy
	// accepted and refs say what is wrong with it by itself.
	accepted, refs finding.Faults
	// conflicted says that each of its targets is another policy's.
	conflicted bool
	roots      *x509.CertPool
	// made is how backends of this policy are verified, by Gateway.
	made map[Key]*gateway.ClientTLS
}

// targetKey is what a policy is for: a Service, or one port of it by name.
type targetKey struct {
	service Key
	section string
}

// resolveTLSPolicies finds which policy verifies which Service.
func (r *round) resolveTLSPolicies() {
	for _, policy := range r.TLSPolicies {
		r.tlsOrdered = append(r.tlsOrdered, &tlsState{object: policy})
	}
	slices.SortFunc(r.tlsOrdered, func(a, b *tlsState) int { return olderFirst(a.object, b.object) })
	claimed := map[targetKey]bool{}
	for _, state := range r.tlsOrdered {
		r.resolveTLSPolicy(state)
		won := 0
		for _, ref := range state.object.Spec.TargetRefs {
			if ref.Group != "" || ref.Kind != kindService {
				continue
			}
			target := targetKey{Key{Namespace: state.object.Namespace, Name: string(ref.Name)}, text(ref.SectionName, "")}
			if claimed[target] {
				continue
			}
			claimed[target] = true
			won++
			r.tls[target.service] = append(r.tls[target.service], state)
		}
		state.conflicted = won == 0
	}
}

func (r *round) resolveTLSPolicy(state *tlsState) {
	validation := &state.object.Spec.Validation
	if len(validation.CACertificateRefs) == 0 {
		if text(validation.WellKnownCACertificates, "") != string(gatewayv1.WellKnownCACertificatesSystem) {
			state.accepted.Add(string(gatewayv1.PolicyReasonInvalid), "The policy says no authorities: set spec.validation.caCertificateRefs, or wellKnownCACertificates to System.")
		}
		return
	}
	var refs []trust.Authority
	for _, ref := range validation.CACertificateRefs {
		refs = append(refs, trust.Authority{Group: string(ref.Group), Kind: string(ref.Kind), Key: Key{Namespace: state.object.Namespace, Name: string(ref.Name)}})
	}
	state.roots, state.refs = r.trust.Authorities(world.From("BackendTLSPolicy", state.object.Namespace, state.object.Name), refs, trust.Reasons{
		Kind:  string(gatewayv1.BackendTLSPolicyReasonInvalidKind),
		Value: string(gatewayv1.BackendTLSPolicyReasonInvalidCACertificateRef),
		Grant: string(gatewayv1.BackendTLSPolicyReasonInvalidCACertificateRef),
	})
	if state.roots == nil {
		state.accepted.Add(string(gatewayv1.BackendTLSPolicyReasonNoValidCACertificate), "No authority can be read: see condition ResolvedRefs. Requests to the Service fail.")
	}
}

// policyOf is the policy for a port of a Service, or nil.
func (r *round) policyOf(service Key, port string) (general *tlsState) {
	for _, state := range r.tls[service] {
		for _, ref := range state.object.Spec.TargetRefs {
			switch section := text(ref.SectionName, ""); {
			case string(ref.Name) != service.Name:
			case section == "":
				general = cmp.Or(general, state)
			case section == port:
				return state
			}
		}
	}
	return general
}

// clientTLS is how a backend is verified; nil for plain text. It is the same pointer
// while nothing of it changes.
func (r *round) clientTLS(spec backendSpec) *gateway.ClientTLS {
	if len(r.tls[spec.service]) == 0 {
		return nil
	}
	port := portOf(r.Services[spec.service], &spec.port)
	if port == nil {
		return nil
	}
	state := r.policyOf(spec.service, port.Name)
	if state == nil {
		return nil
	}
	if made := state.made[spec.gateway]; made != nil {
		return made
	}
	made := r.makeTLS(state, spec.gateway)
	if old := r.backends[spec]; old != nil && old.tls != nil && sameClientTLS(old.tls, made) {
		made = old.tls
	}
	if state.made == nil {
		state.made = map[Key]*gateway.ClientTLS{}
	}
	state.made[spec.gateway] = made
	return made
}

func (r *round) makeTLS(state *tlsState, key Key) *gateway.ClientTLS {
	made := &gateway.ClientTLS{ServerName: string(state.object.Spec.Validation.Hostname), Roots: state.roots}
	for _, name := range state.object.Spec.Validation.SubjectAltNames {
		made.SubjectAltNames = append(made.SubjectAltNames, cmp.Or(string(name.Hostname), string(name.URI)))
	}
	if len(state.accepted) > 0 || len(state.refs) > 0 {
		made.Roots = r.trust.Nobody()
	}
	if g := r.gateways[key]; g != nil && g.client != nil {
		made.Certificate = &g.client.Value
	}
	return made
}

func sameClientTLS(a, b *gateway.ClientTLS) bool {
	return a.ServerName == b.ServerName && a.Roots == b.Roots && a.Certificate == b.Certificate &&
		slices.Equal(a.SubjectAltNames, b.SubjectAltNames)
}

// reportTLSPolicies puts down the statuses of BackendTLSPolicies where they differ:
// their ancestors are the Gateways through which requests come to the Services.
func (r *round) reportTLSPolicies() {
	r.told.tls = nil
	for _, state := range r.tlsOrdered {
		through := map[Key]bool{}
		for _, ref := range state.object.Spec.TargetRefs {
			target := Key{Namespace: state.object.Namespace, Name: string(ref.Name)}
			for key := range r.users.Of(world.On(world.KindService, target)) {
				maps.Copy(through, r.routes[key].gateways)
			}
		}
		r.reportTLSPolicy(state, sortedKeys(through))
	}
}

// maxAncestors is how many a status can have.
const maxAncestors = 16

func (r *round) reportTLSPolicy(state *tlsState, gateways []Key) {
	old := state.object.Status.Ancestors
	made := []gatewayv1.PolicyAncestorStatus{}
	for _, each := range old {
		if string(each.ControllerName) != r.settings.Controller {
			made = append(made, each)
		}
	}
	accepted := state.accepted.Verdict(string(gatewayv1.PolicyConditionAccepted), string(gatewayv1.PolicyReasonAccepted), "The gateway verifies the Service's endpoints by this policy.")
	if state.conflicted {
		accepted = finding.Fails(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonConflicted, "An older BackendTLSPolicy is for the same Service: delete one of them.")
	}
	resolved := state.refs.Verdict(string(gatewayv1.BackendTLSPolicyConditionResolvedRefs), string(gatewayv1.BackendTLSPolicyReasonResolvedRefs), "All references of the policy are resolved.")
	for _, key := range gateways {
		if len(made) == maxAncestors {
			break
		}
		ref := ancestor(key)
		made = append(made, gatewayv1.PolicyAncestorStatus{
			AncestorRef: ref, ControllerName: gatewayv1.GatewayController(r.settings.Controller),
			Conditions: finding.Conditions(r.oldAncestor(old, ref), state.object.Generation, r.now, accepted, resolved),
		})
	}
	if equality.Semantic.DeepEqual(old, made) || len(old)+len(made) == 0 {
		return
	}
	changed := state.object.DeepCopy()
	changed.Status.Ancestors = made
	r.told.tls = append(r.told.tls, changed)
}

func ancestor(key Key) gatewayv1.ParentReference {
	ours, kind, namespace := gatewayv1.Group(group), gatewayv1.Kind(kindGateway), gatewayv1.Namespace(key.Namespace)
	return gatewayv1.ParentReference{Group: &ours, Kind: &kind, Namespace: &namespace, Name: gatewayv1.ObjectName(key.Name)}
}
