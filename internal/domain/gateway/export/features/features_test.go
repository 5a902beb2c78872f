package features_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	known "sigs.k8s.io/gateway-api/pkg/features"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export/features"
)

const everything = `
parentRefs:
  - name: edge
    port: 80
rules:
  - name: all
    matches:
      - method: GET
        queryParams: [{name: a, value: b}]
    filters:
      - responseHeaderModifier: {remove: [a]}
      - cors: {allowOrigins: ["*"]}
      - urlRewrite: {hostname: a.b, path: {type: ReplaceFullPath, replaceFullPath: /}}
      - requestMirror: {backendRef: {name: a}, percent: 10}
      - requestMirror: {backendRef: {name: b}}
    timeouts: {request: 1s, backendRequest: 1s}
    retry: {attempts: 1}
    backendRefs:
      - name: a
        filters: [{requestHeaderModifier: {remove: [a]}}]
  - filters:
      - requestRedirect: {scheme: https, port: 443, path: {type: ReplaceFullPath, replaceFullPath: /}, statusCode: 308}
`

func TestNeeds(t *testing.T) {
	t.Parallel()
	route := &gatewayv1.HTTPRoute{}
	if err := yaml.UnmarshalStrict([]byte(everything), &route.Spec); err != nil {
		t.Fatal(err)
	}
	name := gatewayv1.SectionName("a")
	cases := map[string]struct {
		reason string
		object client.Object
		want   []string
	}{
		"HTTPRoute": {reason: "each field that goes beyond the core is named", object: route, want: []string{
			"HTTPRoute", "HTTPRouteParentRefPort spec.parentRefs[0].port",
			"HTTPRouteBackendRequestHeaderModification spec.rules[0].backendRefs", "HTTPRouteBackendTimeout spec.rules[0].timeouts.backendRequest",
			"HTTPRouteCORS spec.rules[0].filters", "HTTPRouteHostRewrite spec.rules[0].filters", "HTTPRouteMethodMatching spec.rules[0].matches",
			"HTTPRouteNamedRouteRule spec.rules[0].name", "HTTPRoutePathRewrite spec.rules[0].filters", "HTTPRouteQueryParamMatching spec.rules[0].matches",
			"HTTPRouteRequestMirror spec.rules[0].filters", "HTTPRouteRequestMultipleMirrors spec.rules[0].filters",
			"HTTPRouteRequestPercentageMirror spec.rules[0].filters", "HTTPRouteRequestTimeout spec.rules[0].timeouts.request",
			"HTTPRouteResponseHeaderModification spec.rules[0].filters", "HTTPRouteRetry spec.rules[0].retry",
			"HTTPRoute308RedirectStatusCode spec.rules[1].filters", "HTTPRoutePathRedirect spec.rules[1].filters",
			"HTTPRoutePortRedirect spec.rules[1].filters", "HTTPRouteSchemeRedirect spec.rules[1].filters",
		}},
		"Gateway": {reason: "addresses, infrastructure and client certificates are features", object: &gatewayv1.Gateway{Spec: gatewayv1.GatewaySpec{
			Addresses: []gatewayv1.GatewaySpecAddress{{}}, Infrastructure: &gatewayv1.GatewayInfrastructure{},
			TLS: &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{}},
		}}, want: []string{
			"Gateway", "GatewayStaticAddresses spec.addresses", "GatewayInfrastructure spec.infrastructure",
			"GatewayFrontendClientCertificateValidation spec.tls.frontend",
		}},
		"GRPCRoute": {
			reason: "the names of rules are a feature", object: &gatewayv1.GRPCRoute{Spec: gatewayv1.GRPCRouteSpec{Rules: []gatewayv1.GRPCRouteRule{{}, {Name: &name}}}},
			want: []string{"GRPCRoute", "GRPCRouteNamedRouteRule spec.rules[1].name"},
		},
		"BackendTLSPolicy": {
			reason: "alternative names are a feature", object: &gatewayv1.BackendTLSPolicy{Spec: gatewayv1.BackendTLSPolicySpec{
				Validation: gatewayv1.BackendTLSPolicyValidation{SubjectAltNames: []gatewayv1.SubjectAltName{{}}},
			}},
			want: []string{"BackendTLSPolicy", "BackendTLSPolicySANValidation spec.validation.subjectAltNames"},
		},
		"ListenerSet":    {reason: "the kind is a feature", object: &gatewayv1.ListenerSet{}, want: []string{"ListenerSet"}},
		"ReferenceGrant": {reason: "the kind is a feature", object: &gatewayv1.ReferenceGrant{}, want: []string{"ReferenceGrant"}},
		"GatewayClass":   {reason: "a class asks for nothing", object: &gatewayv1.GatewayClass{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, need := range features.Needs(tc.object) {
				if !known.AllFeatures.HasAny(lookup(need.Feature)) {
					t.Errorf("Gateway API has no feature %s", need.Feature)
				}
				text := need.Feature
				if need.Field != "" {
					text += " " + need.Field
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// lookup is Gateway API's own feature of that name.
func lookup(name string) known.Feature {
	for feature := range known.AllFeatures {
		if string(feature.Name) == name {
			return feature
		}
	}
	return known.Feature{}
}
