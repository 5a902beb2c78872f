package translate

import (
	"errors"
	"fmt"
	"strconv"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/rule"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// ruleset is what the rules of a route mean on the Gateways of a variant.
type ruleset struct {
	rules []gateway.Rule
	// refs says what they refer to that is not there; invalid which of them cannot
	// be served and were dropped.
	refs, invalid finding.Faults
}

// ruler makes the rules of one route.
type ruler struct {
	*round
	route   *routeObject
	entry   *routeEntry
	variant Key
	set     *ruleset
	// rejected says why the rule at hand answers 500.
	rejected string
}

// rulesOf makes the rules of a route for the Gateways of a variant.
func (r *round) rulesOf(route *routeObject, entry *routeEntry, variant Key) *ruleset {
	m := &ruler{round: r, route: route, entry: entry, variant: variant, set: &ruleset{}}
	switch o := route.object.(type) {
	case *gatewayv1.HTTPRoute:
		for i := range o.Spec.Rules {
			made, err := m.http(&o.Spec.Rules[i])
			m.add(i, o.Spec.Rules[i].Name, made, err)
		}
	case *gatewayv1.GRPCRoute:
		for i := range o.Spec.Rules {
			made, err := m.grpc(&o.Spec.Rules[i])
			m.add(i, o.Spec.Rules[i].Name, made, err)
		}
	}
	return m.set
}

func (m *ruler) add(index int, name *gatewayv1.SectionName, made gateway.Rule, err error) {
	made.Name = text(name, strconv.Itoa(index))
	if err != nil {
		m.set.invalid.Add(string(gatewayv1.RouteReasonUnsupportedValue), fmt.Sprintf("Rule %s: %v.", made.Name, err))
		return
	}
	if m.rejected != "" {
		made.Reject, made.RejectReason = 500, m.rejected
	}
	m.rejected = ""
	m.set.rules = append(m.set.rules, made)
}

func (m *ruler) http(spec *gatewayv1.HTTPRouteRule) (made gateway.Rule, err error) {
	if made.Matches, err = rule.HTTPMatches(spec.Matches); err != nil {
		return made, err
	}
	if made.Filters, err = m.filters(spec.Filters); err != nil {
		return made, err
	}
	if made.Timeouts, err = rule.Timeouts(spec.Timeouts); err != nil {
		return made, err
	}
	if made.Retry, err = rule.Retry(spec.Retry); err != nil {
		return made, err
	}
	if made.Persistence, err = rule.Persistence(spec.SessionPersistence); err != nil {
		return made, err
	}
	for i := range spec.BackendRefs {
		filters, err := m.filters(spec.BackendRefs[i].Filters)
		if err != nil {
			return made, err
		}
		made.Backends = append(made.Backends, m.weighted(&spec.BackendRefs[i].BackendRef, filters))
	}
	return made, nil
}

func (m *ruler) grpc(spec *gatewayv1.GRPCRouteRule) (made gateway.Rule, err error) {
	if made.Matches, err = rule.GRPCMatches(spec.Matches); err != nil {
		return made, err
	}
	if made.Filters, err = m.filters(asHTTP(spec.Filters)); err != nil {
		return made, err
	}
	if made.Persistence, err = rule.Persistence(spec.SessionPersistence); err != nil {
		return made, err
	}
	for i := range spec.BackendRefs {
		filters, err := m.filters(asHTTP(spec.BackendRefs[i].Filters))
		if err != nil {
			return made, err
		}
		made.Backends = append(made.Backends, m.weighted(&spec.BackendRefs[i].BackendRef, filters))
	}
	return made, nil
}

// asHTTP are gRPC's filters as HTTP's, which they are among.
func asHTTP(filters []gatewayv1.GRPCRouteFilter) []gatewayv1.HTTPRouteFilter {
	made := make([]gatewayv1.HTTPRouteFilter, len(filters))
	for i, f := range filters {
		made[i] = gatewayv1.HTTPRouteFilter{
			Type: gatewayv1.HTTPRouteFilterType(f.Type), RequestHeaderModifier: f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier, RequestMirror: f.RequestMirror, ExtensionRef: f.ExtensionRef,
		}
	}
	return made
}

func (m *ruler) filters(specs []gatewayv1.HTTPRouteFilter) (made gateway.Filters, err error) {
	for i := range specs {
		spec := &specs[i]
		switch {
		case spec.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && spec.RequestHeaderModifier != nil:
			made.Request = rule.Headers(made.Request, spec.RequestHeaderModifier)
		case spec.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && spec.ResponseHeaderModifier != nil:
			made.Response = rule.Headers(made.Response, spec.ResponseHeaderModifier)
		case spec.Type == gatewayv1.HTTPRouteFilterRequestRedirect && spec.RequestRedirect != nil:
			made.Redirect = rule.Redirect(spec.RequestRedirect)
		case spec.Type == gatewayv1.HTTPRouteFilterURLRewrite && spec.URLRewrite != nil:
			made.Rewrite = rule.Rewrite(spec.URLRewrite)
		case spec.Type == gatewayv1.HTTPRouteFilterCORS && spec.CORS != nil:
			made.CORS = rule.CORS(spec.CORS)
		case spec.Type == gatewayv1.HTTPRouteFilterRequestMirror && spec.RequestMirror != nil:
			m.mirror(&made, spec.RequestMirror)
		case spec.Type == gatewayv1.HTTPRouteFilterExtensionRef && spec.ExtensionRef != nil:
			m.extension(&made, spec.ExtensionRef)
		default:
			return made, fmt.Errorf("filters of type %q are not served", spec.Type)
		}
	}
	if made.Redirect != nil && made.Rewrite != nil {
		return made, errors.New("a redirect and a rewrite exclude each other: keep one")
	}
	return made, nil
}

func (m *ruler) mirror(made *gateway.Filters, spec *gatewayv1.HTTPRequestMirrorFilter) {
	id := m.backend(&spec.BackendRef)
	if id == "" {
		return
	}
	numerator, denominator := rule.Share(spec)
	made.Mirrors = append(made.Mirrors, gateway.Mirror{Backend: id, Numerator: numerator, Denominator: denominator})
}

// extension resolves a filter that names one of our policies. A policy that is not
// there is no open door: the rule answers 500.
func (m *ruler) extension(made *gateway.Filters, ref *gatewayv1.LocalObjectReference) {
	key := Key{Namespace: m.route.key.Namespace, Name: string(ref.Name)}
	aliased := ref.Group == v1alpha1.AliasGroup && ref.Kind != v1alpha1.KindLifecyclePolicy
	var exists bool
	switch kind := string(ref.Kind); {
	case string(ref.Group) != v1alpha1.GroupVersion.Group && !aliased, !ourKind(kind):
		m.reject(string(gatewayv1.RouteReasonInvalidKind), fmt.Sprintf("Filters of kind %s are not known here: use %s, %s or %s of group %s.",
			finding.Qualified(string(ref.Group), kind), v1alpha1.KindAuthorizationPolicy, v1alpha1.KindRateLimitPolicy, v1alpha1.KindLifecyclePolicy, v1alpha1.GroupVersion.Group))
		return
	case kind == v1alpha1.KindAuthorizationPolicy:
		exists = m.Authorizations[key] != nil
		made.Authorization = append(made.Authorization, key.String())
	case kind == v1alpha1.KindRateLimitPolicy:
		exists = m.RateLimits[key] != nil
		made.RateLimits = append(made.RateLimits, key.String())
	default:
		exists = m.Lifecycles[key] != nil
		made.Lifecycle = key.String()
	}
	m.entry.needs[world.On(string(ref.Kind), key)] = true
	if !exists {
		m.reject(ReasonFilterNotFound, fmt.Sprintf("%s %q does not exist: until it does, the rules that name it answer 500.", finding.Qualified(v1alpha1.GroupVersion.Group, string(ref.Kind)), key))
	}
}

func (m *ruler) reject(reason, message string) {
	m.set.refs.Add(reason, message)
	m.rejected = message
}

func ourKind(kind string) bool {
	return kind == v1alpha1.KindAuthorizationPolicy || kind == v1alpha1.KindRateLimitPolicy || kind == v1alpha1.KindLifecyclePolicy
}
