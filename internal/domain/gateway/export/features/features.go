package features

import (
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Need is a feature that an object asks for.
type Need struct {
	// Feature is its name in the status of a GatewayClass.
	Feature string
	// Object asks for it in Field, a path that is empty for the object as a whole.
	Object client.Object
	Field  string
}

// Needs are the features that an object asks for, in the order of its fields; none
// for kinds that are not Gateway API's.
func Needs(object client.Object) []Need {
	switch o := object.(type) {
	case *gatewayv1.Gateway:
		return gateway(o)
	case *gatewayv1.ListenerSet:
		return []Need{{Feature: "ListenerSet", Object: o}}
	case *gatewayv1.ReferenceGrant:
		return []Need{{Feature: "ReferenceGrant", Object: o}}
	case *gatewayv1.BackendTLSPolicy:
		needs := []Need{{Feature: "BackendTLSPolicy", Object: o}}
		return appendIf(needs, len(o.Spec.Validation.SubjectAltNames) > 0, Need{"BackendTLSPolicySANValidation", o, "spec.validation.subjectAltNames"})
	case *gatewayv1.HTTPRoute:
		return httpRoute(o)
	case *gatewayv1.GRPCRoute:
		needs := []Need{{Feature: "GRPCRoute", Object: o}}
		for i, rule := range o.Spec.Rules {
			needs = appendIf(needs, rule.Name != nil, Need{"GRPCRouteNamedRouteRule", o, fmt.Sprintf("spec.rules[%d].name", i)})
		}
		return needs
	}
	return nil
}

func gateway(o *gatewayv1.Gateway) []Need {
	needs := []Need{{Feature: "Gateway", Object: o}}
	needs = appendIf(needs, len(o.Spec.Addresses) > 0, Need{"GatewayStaticAddresses", o, "spec.addresses"})
	needs = appendIf(needs, o.Spec.Infrastructure != nil, Need{"GatewayInfrastructure", o, "spec.infrastructure"})
	return appendIf(needs, o.Spec.TLS != nil && o.Spec.TLS.Frontend != nil, Need{"GatewayFrontendClientCertificateValidation", o, "spec.tls.frontend"})
}

func appendIf(needs []Need, yes bool, one Need) []Need {
	if yes {
		return append(needs, one)
	}
	return needs
}

func httpRoute(o *gatewayv1.HTTPRoute) []Need {
	needs := []Need{{Feature: "HTTPRoute", Object: o}}
	for i, parent := range o.Spec.ParentRefs {
		needs = appendIf(needs, parent.Port != nil, Need{"HTTPRouteParentRefPort", o, fmt.Sprintf("spec.parentRefs[%d].port", i)})
	}
	for i := range o.Spec.Rules {
		features := map[string]string{}
		ruleNeeds(&o.Spec.Rules[i], features)
		for _, feature := range slices.Sorted(maps.Keys(features)) {
			needs = append(needs, Need{feature, o, fmt.Sprintf("spec.rules[%d]%s", i, features[feature])})
		}
	}
	return needs
}

// ruleNeeds puts the features of a rule into a map, with the field that asks.
func ruleNeeds(rule *gatewayv1.HTTPRouteRule, features map[string]string) {
	if rule.Name != nil {
		features["HTTPRouteNamedRouteRule"] = ".name"
	}
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
