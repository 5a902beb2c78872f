package export

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// Controller is what a GatewayClass of Roadbed's gateway names.
const Controller = "gateway.roadbed.dev/controller"

// OwnClass is the GatewayClass of Roadbed's gateway where no class is given.
const OwnClass = "roadbed"

// Vendor is another gateway.
type Vendor string

// The gateways that can be written for.
const (
	EnvoyGateway Vendor = "envoy-gateway"
	Istio        Vendor = "istio"
	Kong         Vendor = "kong"
)

// Vendors are all of them.
func Vendors() []Vendor { return []Vendor{EnvoyGateway, Istio, Kong} }

// DefaultClass is the GatewayClass that the gateway's own documentation makes.
func (v Vendor) DefaultClass() string {
	return map[Vendor]string{EnvoyGateway: "eg", Istio: "istio", Kong: "kong"}[v]
}

// Input is what is exported. Export changes nothing of it.
type Input struct {
	Classes            []*gatewayv1.GatewayClass
	Gateways           []*gatewayv1.Gateway
	ListenerSets       []*gatewayv1.ListenerSet
	HTTPRoutes         []*gatewayv1.HTTPRoute
	GRPCRoutes         []*gatewayv1.GRPCRoute
	BackendTLSPolicies []*gatewayv1.BackendTLSPolicy
	ReferenceGrants    []*gatewayv1.ReferenceGrant
	Authorizations     []*v1alpha1.AuthorizationPolicy
	RateLimits         []*v1alpha1.RateLimitPolicy
	Lifecycles         []*v1alpha1.LifecyclePolicy
	Subscriptions      []*v1alpha1.Subscription
}

// Add puts an object in. It says false for kinds that are not the gateway's.
func (in *Input) Add(object runtime.Object) bool {
	switch o := object.(type) {
	case *gatewayv1.GatewayClass:
		in.Classes = append(in.Classes, o)
	case *gatewayv1.Gateway:
		in.Gateways = append(in.Gateways, o)
	case *gatewayv1.ListenerSet:
		in.ListenerSets = append(in.ListenerSets, o)
	case *gatewayv1.HTTPRoute:
		in.HTTPRoutes = append(in.HTTPRoutes, o)
	case *gatewayv1.GRPCRoute:
		in.GRPCRoutes = append(in.GRPCRoutes, o)
	case *gatewayv1.BackendTLSPolicy:
		in.BackendTLSPolicies = append(in.BackendTLSPolicies, o)
	case *gatewayv1.ReferenceGrant:
		in.ReferenceGrants = append(in.ReferenceGrants, o)
	case *v1alpha1.AuthorizationPolicy:
		in.Authorizations = append(in.Authorizations, o)
	case *v1alpha1.RateLimitPolicy:
		in.RateLimits = append(in.RateLimits, o)
	case *v1alpha1.LifecyclePolicy:
		in.Lifecycles = append(in.Lifecycles, o)
	case *v1alpha1.Subscription:
		in.Subscriptions = append(in.Subscriptions, o)
	default:
		return false
	}
	return true
}

// ClusterIssuer is what other gateways have to know of the cluster that issues the
// tokens of service accounts.
type ClusterIssuer struct {
	// URL is what the tokens have in iss.
	URL string
	// JWKS are its keys as JSON; empty means that the other gateway fetches them.
	JWKS string
}

// defaultClusterIssuer is what kubeadm and Roadbed's own plane call themselves.
const defaultClusterIssuer = "https://kubernetes.default.svc.cluster.local"

// Options say how to export.
type Options struct {
	// For is the other gateway.
	For Vendor
	// Class is its GatewayClass; its DefaultClass where empty. When the Input has
	// that class, what is exported is held against its supported features.
	Class string
	// Cluster is the issuer of the cluster's own tokens.
	Cluster ClusterIssuer
}

// withDefaults are the options with everything set, or why they cannot be.
func (o Options) withDefaults() (Options, error) {
	if !slices.Contains(Vendors(), o.For) {
		return o, fmt.Errorf("%q is no gateway to export for: it must be one of %v", o.For, Vendors())
	}
	if o.Class == "" {
		o.Class = o.For.DefaultClass()
	}
	if o.Cluster.URL == "" {
		o.Cluster.URL = defaultClusterIssuer
	}
	return o, nil
}

// find is the object of that namespace and name, nil where there is none.
func find[T client.Object](objects []T, namespace, name string) (found T, ok bool) {
	for _, object := range objects {
		if object.GetNamespace() == namespace && object.GetName() == name {
			return object, true
		}
	}
	return found, false
}
