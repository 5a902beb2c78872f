package export_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
)

// call is a request with a good token, as far as rules look at it.
type call struct {
	method string
	claims map[string]string
}

// allowed is what Roadbed's own gateway decides.
func allowed(policy *v1alpha1.AuthorizationPolicy, c call) bool {
	if c.claims["tenant"] == "" {
		return false
	}
	return slices.ContainsFunc(policy.Spec.Rules, func(rule v1alpha1.AuthorizationRule) bool {
		return (len(rule.Tenants) == 0 || slices.Contains(rule.Tenants, c.claims["tenant"])) &&
			(len(rule.Methods) == 0 || slices.Contains(rule.Methods, c.method)) &&
			!slices.ContainsFunc(rule.Claims, func(claim v1alpha1.ClaimRequirement) bool {
				return !slices.Contains(claim.Values, c.claims[claim.Path])
			})
	})
}

// denied is what an AuthorizationPolicy of Istio decides, as its reference says: one
// rule whose parts all match.
func denied(t *testing.T, policy *unstructured.Unstructured, c call) bool {
	t.Helper()
	rules, _, err := unstructured.NestedSlice(policy.Object, "spec", "rules")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(rules, func(each any) bool {
		rule := each.(map[string]any)
		if rule["from"] != nil { // without a token of the issuer: these calls have one
			return false
		}
		conditions, _ := rule["when"].([]any)
		for _, each := range conditions {
			condition := each.(map[string]any)
			if !breaks(condition, c) {
				return false
			}
		}
		operation := rule["to"].([]any)[0].(map[string]any)["operation"].(map[string]any)
		methods, _ := operation["notMethods"].([]any)
		return !slices.Contains(methods, any(c.method))
	})
}

// breaks says whether a call has none of the values that a condition excepts.
func breaks(condition map[string]any, c call) bool {
	values := condition["notValues"].([]any)
	for name, value := range c.claims {
		if condition["key"] == "request.auth.claims["+name+"]" {
			return value == "" || !slices.Contains(values, any(value)) && !slices.Contains(values, any("*"))
		}
	}
	return condition["key"] != "request.auth.audiences" // the audience of these calls is right
}

// TestIstioDeniesWhatIsNotAllowed holds what Istio denies against what Roadbed
// allows, for every call there can be.
func TestIstioDeniesWhatIsNotAllowed(t *testing.T) {
	t.Parallel()
	role := func(values ...string) []v1alpha1.ClaimRequirement {
		return []v1alpha1.ClaimRequirement{{Path: "role", Values: values}}
	}
	cases := map[string][]v1alpha1.AuthorizationRule{
		"One":      {{Tenants: []string{"a"}, Methods: []string{"GET"}, Claims: role("admin")}},
		"Either":   {{Tenants: []string{"a", "b"}}, {Claims: role("admin")}},
		"Methods":  {{Methods: []string{"GET"}}, {Methods: []string{"POST"}, Tenants: []string{"b"}}},
		"Three":    {{Tenants: []string{"a"}, Methods: []string{"GET"}}, {Tenants: []string{"b"}, Claims: role("user", "admin")}, {Methods: []string{"DELETE"}, Claims: role("admin")}},
		"Anything": {{Tenants: []string{"a"}}, {}},
	}
	for name, rules := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := &v1alpha1.AuthorizationPolicy{Spec: v1alpha1.AuthorizationPolicySpec{
				Issuers: []v1alpha1.TokenIssuer{{URL: "https://sso", Audiences: []string{"api"}, TenantClaim: "tenant"}}, Rules: rules,
			}}
			policy.Name = "p"
			route := &gatewayv1.HTTPRoute{}
			route.Name = "r"
			route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "edge"}}
			route.Spec.Rules = []gatewayv1.HTTPRouteRule{{
				BackendRefs: []gatewayv1.HTTPBackendRef{{}},
				Filters: []gatewayv1.HTTPRouteFilter{{ExtensionRef: &gatewayv1.LocalObjectReference{
					Group: gatewayv1.Group(v1alpha1.GroupVersion.Group), Kind: v1alpha1.KindAuthorizationPolicy, Name: "p",
				}}},
			}}
			in := export.Input{Authorizations: []*v1alpha1.AuthorizationPolicy{policy}, HTTPRoutes: []*gatewayv1.HTTPRoute{route}}
			result, err := export.Export(in, export.Options{For: export.Istio})
			if err != nil {
				t.Fatal(err)
			}
			written := object(result.Objects, "AuthorizationPolicy", "r-p-1")
			if written == nil {
				t.Fatalf("no policy in %v", result.Objects)
			}
			for _, tenant := range []string{"", "a", "b", "c"} {
				for _, method := range []string{"GET", "POST", "DELETE"} {
					for _, role := range []string{"", "user", "admin"} {
						c := call{method, map[string]string{"tenant": tenant, "role": role}}
						if got, want := denied(t, written, c), !allowed(policy, c); got != want {
							t.Errorf("%s: denied %t, want %t", fmt.Sprint(c), got, want)
						}
					}
				}
			}
		})
	}
}
