package capability

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	roadv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// versionHeader tells the service which version a request is for.
const versionHeader = "x-platform-api-version"

// stale is how long known keys are used while their issuer cannot be reached.
const stale = 24 * time.Hour

// routes are the HTTP API at the gateway: one route with a rule for each served
// version, what each version's callers are told of its life, and what guards
// them all. They are empty when nothing is served.
func routes(c *v1alpha1.Capability, s Settings) []client.Object {
	served := ServedVersions(c)
	if len(served) == 0 {
		return nil
	}
	all := []client.Object{rateLimit(c, s)}
	if s.Authorization == "" {
		all = append(all, authorization(c, s))
	}
	for _, v := range served {
		all = append(all, lifecycle(c, v, s))
	}
	return append(all, route(c, served, s))
}

// RouteName is the name of a Capability's route and of the policies it names.
func RouteName(c *v1alpha1.Capability) string { return "capability-" + c.Name }

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: roadv1alpha1.GroupVersion.String(), Kind: kind}
}

func rateLimit(c *v1alpha1.Capability, s Settings) *roadv1alpha1.RateLimitPolicy {
	return &roadv1alpha1.RateLimitPolicy{
		TypeMeta: typeMeta("RateLimitPolicy"), ObjectMeta: meta(c, s.Namespace, RouteName(c)),
		Spec: roadv1alpha1.RateLimitPolicySpec{
			Requests: cmp.Or(c.Spec.Gateway.Requests, 100),
			Unit:     roadv1alpha1.LimitUnit(cmp.Or(c.Spec.Gateway.Unit, string(roadv1alpha1.UnitMinute))),
			Scope:    "Tenant", FailureMode: "Local",
		},
	}
}

func authorization(c *v1alpha1.Capability, s Settings) *roadv1alpha1.AuthorizationPolicy {
	return &roadv1alpha1.AuthorizationPolicy{
		TypeMeta: typeMeta("AuthorizationPolicy"), ObjectMeta: meta(c, s.Namespace, RouteName(c)),
		Spec: roadv1alpha1.AuthorizationPolicySpec{
			Issuers:            []roadv1alpha1.TokenIssuer{{Type: "Cluster", MaxStale: &metav1.Duration{Duration: stale}}},
			TokenToBackend:     "Passed",
			APIKeys:            &roadv1alpha1.APIKeys{Header: "x-api-key", ToBackend: "Passed"},
			ClientCertificates: "Ignore", Anonymous: "Refuse", Tenant: "Required",
		},
	}
}

func lifecycle(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, s Settings) *roadv1alpha1.LifecyclePolicy {
	spec := roadv1alpha1.LifecyclePolicySpec{API: API(c), Version: v.Name, Stage: string(v.Stage)}
	if v.Stage == v1alpha1.StageAlpha {
		spec.Flag = v.Flag
	}
	if v.Stage == v1alpha1.StageDeprecated {
		spec.Deprecated, spec.Sunset = v.Deprecated, v.Sunset
		spec.Documentation = DocsPath(c)
		if v.Successor != "" {
			spec.Successor = Path(c, v.Successor)
		}
	}
	return &roadv1alpha1.LifecyclePolicy{
		TypeMeta: typeMeta("LifecyclePolicy"), ObjectMeta: meta(c, s.Namespace, lifecycleName(c, v)), Spec: spec,
	}
}

func lifecycleName(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) string {
	return RouteName(c) + "-" + v.Name
}

func route(c *v1alpha1.Capability, served []*v1alpha1.CapabilityVersion, s Settings) *gatewayv1.HTTPRoute {
	group, kind, namespace := gatewayv1.Group(gatewayv1.GroupName), gatewayv1.Kind("Gateway"), gatewayv1.Namespace(s.GatewayNamespace)
	made := &gatewayv1.HTTPRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "HTTPRoute"},
		ObjectMeta: meta(c, s.Namespace, RouteName(c)),
		Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{
			Group: &group, Kind: &kind, Namespace: &namespace, Name: gatewayv1.ObjectName(s.Gateway),
		}}}},
	}
	for _, hostname := range s.Hostnames {
		made.Spec.Hostnames = append(made.Spec.Hostnames, gatewayv1.Hostname(hostname))
	}
	for _, v := range served {
		made.Spec.Rules = append(made.Spec.Rules, rule(c, v, s))
	}
	return made
}

func rule(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, s Settings) gatewayv1.HTTPRouteRule {
	prefix, path := gatewayv1.PathMatchPathPrefix, Path(c, v.Name)
	return gatewayv1.HTTPRouteRule{
		Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: &prefix, Value: &path}}},
		Filters: []gatewayv1.HTTPRouteFilter{
			extension("LifecyclePolicy", lifecycleName(c, v)),
			extension("AuthorizationPolicy", cmp.Or(s.Authorization, RouteName(c))),
			extension("RateLimitPolicy", RouteName(c)),
			{
				Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier,
				RequestHeaderModifier: &gatewayv1.HTTPHeaderFilter{
					Set: []gatewayv1.HTTPHeader{{Name: versionHeader, Value: v.Name}},
				},
			},
		},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: backend(s)}},
	}
}

func backend(s Settings) gatewayv1.BackendRef {
	group, kind, port, weight := gatewayv1.Group(""), gatewayv1.Kind("Service"), s.Port, int32(1)
	return gatewayv1.BackendRef{
		BackendObjectReference: gatewayv1.BackendObjectReference{
			Group: &group, Kind: &kind, Name: gatewayv1.ObjectName(s.Service), Port: &port,
		},
		Weight: &weight,
	}
}

func extension(kind, name string) gatewayv1.HTTPRouteFilter {
	return gatewayv1.HTTPRouteFilter{
		Type: gatewayv1.HTTPRouteFilterExtensionRef,
		ExtensionRef: &gatewayv1.LocalObjectReference{
			Group: gatewayv1.Group(roadv1alpha1.GroupVersion.Group), Kind: gatewayv1.Kind(kind), Name: gatewayv1.ObjectName(name),
		},
	}
}
