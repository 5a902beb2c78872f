package translate

import (
	"cmp"
	"crypto/x509"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"

	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// tlsState is what a round finds about a BackendTLSPolicy.
type tlsState struct {
	object *gatewayv1.BackendTLSPolicy
	// accepted and refs say what is wrong with it by itself.
	accepted, refs faults
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
			state.accepted.add(string(gatewayv1.PolicyReasonInvalid), "The policy says no authorities: set spec.validation.caCertificateRefs, or wellKnownCACertificates to System.")
		}
		return
	}
	var refs []authority
	for _, ref := range validation.CACertificateRefs {
		refs = append(refs, authority{string(ref.Group), string(ref.Kind), Key{Namespace: state.object.Namespace, Name: string(ref.Name)}})
	}
	state.roots, state.refs = r.authorities(world.From("BackendTLSPolicy", state.object.Namespace, state.object.Name), refs, authorityReasons{
		kind:  string(gatewayv1.BackendTLSPolicyReasonInvalidKind),
		value: string(gatewayv1.BackendTLSPolicyReasonInvalidCACertificateRef),
		grant: string(gatewayv1.BackendTLSPolicyReasonInvalidCACertificateRef),
	})
	if state.roots == nil {
		state.accepted.add(string(gatewayv1.BackendTLSPolicyReasonNoValidCACertificate), "No authority can be read: see condition ResolvedRefs. Requests to the Service fail.")
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
	if old := r.backends[spec.id()]; old != nil && old.tls != nil && sameClientTLS(old.tls, made) {
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
		made.Roots = r.nobody()
	}
	if g := r.gateways[key]; g != nil && g.client != nil {
		made.Certificate = &g.client.value
	}
	return made
}

// nobody is the pool that verifies nothing: what a policy that cannot be enforced
// gives its backends.
func (r *round) nobody() *x509.CertPool {
	p := r.pools[""]
	if p == nil {
		p = &pool{pool: x509.NewCertPool()}
		r.pools[""] = p
	}
	p.used = true
	return p.pool
}

func sameClientTLS(a, b *gateway.ClientTLS) bool {
	return a.ServerName == b.ServerName && a.Roots == b.Roots && a.Certificate == b.Certificate &&
		slices.Equal(a.SubjectAltNames, b.SubjectAltNames)
}

// ancestorsOf are the Gateways through which requests come to each Service.
func (r *round) ancestorsOf() map[Key]map[Key]bool {
	found := map[Key]map[Key]bool{}
	for _, entry := range r.routes {
		for service := range entry.services {
			if len(r.tls[service]) == 0 && !r.targeted(service) {
				continue
			}
			if found[service] == nil {
				found[service] = map[Key]bool{}
			}
			for key := range entry.gateways {
				found[service][key] = true
			}
		}
	}
	return found
}

func (r *round) targeted(service Key) bool {
	return slices.ContainsFunc(r.tlsOrdered, func(s *tlsState) bool {
		return s.object.Namespace == service.Namespace && slices.ContainsFunc(s.object.Spec.TargetRefs, func(ref gatewayv1.LocalPolicyTargetReferenceWithSectionName) bool {
			return string(ref.Name) == service.Name
		})
	})
}

// reportTLSPolicies puts down the statuses of BackendTLSPolicies where they differ.
func (r *round) reportTLSPolicies() {
	if len(r.tlsOrdered) == 0 {
		return
	}
	ancestors := r.ancestorsOf()
	for _, state := range r.tlsOrdered {
		through := map[Key]bool{}
		for _, ref := range state.object.Spec.TargetRefs {
			for key := range ancestors[Key{Namespace: state.object.Namespace, Name: string(ref.Name)}] {
				through[key] = true
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
	accepted := state.accepted.verdict(string(gatewayv1.PolicyConditionAccepted), string(gatewayv1.PolicyReasonAccepted), "The gateway verifies the Service's endpoints by this policy.")
	if state.conflicted {
		accepted = fails(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonConflicted, "An older BackendTLSPolicy is for the same Service: delete one of them.")
	}
	resolved := state.refs.verdict(string(gatewayv1.BackendTLSPolicyConditionResolvedRefs), string(gatewayv1.BackendTLSPolicyReasonResolvedRefs), "All references of the policy are resolved.")
	for _, key := range gateways {
		if len(made) == maxAncestors {
			break
		}
		ref := ancestor(key)
		made = append(made, gatewayv1.PolicyAncestorStatus{
			AncestorRef: ref, ControllerName: gatewayv1.GatewayController(r.settings.Controller),
			Conditions: conditions(r.oldAncestor(old, ref), state.object.Generation, r.now, accepted, resolved),
		})
	}
	if equality.Semantic.DeepEqual(old, made) || len(old)+len(made) == 0 {
		return
	}
	changed := state.object.DeepCopy()
	changed.Status.Ancestors = made
	r.statuses = append(r.statuses, changed)
}

func ancestor(key Key) gatewayv1.ParentReference {
	ours, kind, namespace := gatewayv1.Group(group), gatewayv1.Kind(kindGateway), gatewayv1.Namespace(key.Namespace)
	return gatewayv1.ParentReference{Group: &ours, Kind: &kind, Namespace: &namespace, Name: gatewayv1.ObjectName(key.Name)}
}
