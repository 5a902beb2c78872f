package export

import (
	"fmt"
	"maps"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// need is a feature of Gateway API that an object asks for.
type need struct{ feature, object, field string }

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
	for _, need := range x.needs() {
		if !slices.ContainsFunc(class.Status.SupportedFeatures, func(f gatewayv1.SupportedFeature) bool { return string(f.Name) == need.feature }) {
			x.lose(need.object, need.field, Closed, fmt.Sprintf("GatewayClass %s does not support %s", class.Name, need.feature), "do without it, or choose another class")
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
			for field, used := range map[string]bool{"retry": rule.Retry != nil, "sessionPersistence": rule.SessionPersistence != nil} {
				if used {
					x.lose(r.title(), fmt.Sprintf("spec.rules[%d].%s", i, field), Closed, "the standard channel of Gateway API refuses the field", "install the experimental channel there, or leave the field out")
				}
			}
		}
	}
}

// needs are the features that the exported objects ask for.
func (x *export) needs() (needs []need) {
	for _, gateway := range x.gateways {
		spec := gateway.Spec
		needs = append(needs, need{"Gateway", title(gateway), ""})
		needs = appendIf(needs, len(spec.Addresses) > 0, need{"GatewayStaticAddresses", title(gateway), "spec.addresses"})
		needs = appendIf(needs, spec.Infrastructure != nil, need{"GatewayInfrastructure", title(gateway), "spec.infrastructure"})
		needs = appendIf(needs, spec.TLS != nil && spec.TLS.Frontend != nil, need{"GatewayFrontendClientCertificateValidation", title(gateway), "spec.tls.frontend"})
	}
	for _, set := range x.sets {
		needs = append(needs, need{"ListenerSet", title(set), ""})
	}
	for _, policy := range x.BackendTLSPolicies {
		needs = append(needs, need{"BackendTLSPolicy", title(policy), ""})
		needs = appendIf(needs, len(policy.Spec.Validation.SubjectAltNames) > 0, need{"BackendTLSPolicySANValidation", title(policy), "spec.validation.subjectAltNames"})
	}
	for _, grant := range x.ReferenceGrants {
		needs = append(needs, need{"ReferenceGrant", title(grant), ""})
	}
	for _, r := range x.routes {
		needs = append(needs, r.needs()...)
	}
	return needs
}

func appendIf(needs []need, yes bool, one need) []need {
	if yes {
		return append(needs, one)
	}
	return needs
}

func (r *route) needs() (needs []need) {
	needs = []need{{r.kind(), r.title(), ""}}
	for i, parent := range r.parents() {
		needs = appendIf(needs, parent.Port != nil && r.http != nil, need{"HTTPRouteParentRefPort", r.title(), fmt.Sprintf("spec.parentRefs[%d].port", i)})
	}
	for _, rule := range r.rules {
		features := map[string]string{}
		if *rule.name() != nil {
			features[r.kind()+"NamedRouteRule"] = ".name"
		}
		if r.http != nil {
			ruleNeeds(&r.http.Spec.Rules[rule.index], features)
		}
		for _, feature := range slices.Sorted(maps.Keys(features)) {
			needs = append(needs, need{feature, r.title(), rule.field() + features[feature]})
		}
	}
	return needs
}

// ruleNeeds puts the features of a rule into a map, with the field that asks.
func ruleNeeds(rule *gatewayv1.HTTPRouteRule, features map[string]string) {
	for _, match := range rule.Matches {
		if match.Method != nil {
			features["HTTPRouteMethodMatching"] = ".matches"
		}
		if len(match.QueryParams) > 0 {
			features["HTTPRouteQueryParamMatching"] = ".matches"
		}
	}
	if rule.Timeouts != nil && rule.Timeouts.Request != nil {
		features["HTTPRouteRequestTimeout"] = ".timeouts.request"
	}
	if rule.Timeouts != nil && rule.Timeouts.BackendRequest != nil {
		features["HTTPRouteBackendTimeout"] = ".timeouts.backendRequest"
	}
	if rule.Retry != nil {
		features["HTTPRouteRetry"] = ".retry"
	}
	for _, filter := range rule.Filters {
		if filter.RequestMirror != nil && features["HTTPRouteRequestMirror"] != "" {
			features["HTTPRouteRequestMultipleMirrors"] = ".filters"
		}
		filterNeeds(filter, features)
	}
	backendNeeds(rule, features)
}

// backendNeeds puts the features of a rule's backends into a map.
func backendNeeds(rule *gatewayv1.HTTPRouteRule, features map[string]string) {
	for _, backend := range rule.BackendRefs {
		for _, filter := range backend.Filters {
			if filter.RequestHeaderModifier != nil {
				features["HTTPRouteBackendRequestHeaderModification"] = ".backendRefs"
			}
		}
	}
}

// filterNeeds puts the features of a filter into a map.
func filterNeeds(filter gatewayv1.HTTPRouteFilter, features map[string]string) {
	add := func(yes bool, feature string) {
		if yes {
			features["HTTPRoute"+feature] = ".filters"
		}
	}
	add(filter.ResponseHeaderModifier != nil, "ResponseHeaderModification")
	add(filter.CORS != nil, "CORS")
	if rewrite := filter.URLRewrite; rewrite != nil {
		add(rewrite.Hostname != nil, "HostRewrite")
		add(rewrite.Path != nil, "PathRewrite")
	}
	if mirror := filter.RequestMirror; mirror != nil {
		add(true, "RequestMirror")
		add(mirror.Percent != nil || mirror.Fraction != nil, "RequestPercentageMirror")
	}
	if redirect := filter.RequestRedirect; redirect != nil {
		add(redirect.Scheme != nil, "SchemeRedirect")
		add(redirect.Port != nil, "PortRedirect")
		add(redirect.Path != nil, "PathRedirect")
		if code := redirect.StatusCode; code != nil && slices.Contains([]int{303, 307, 308}, *code) {
			add(true, fmt.Sprintf("%dRedirectStatusCode", *code))
		}
	}
}
