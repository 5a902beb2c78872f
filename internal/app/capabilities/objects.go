package capabilities

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	gatewayv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Where the HTTP API is found in a cluster.
const (
	// Port is what the program listens on, and PortName what its container calls it.
	Port     = 9445
	PortName = "platform-api"

	// certificateSecret keeps the certificate that all copies share, and authorities
	// names the ConfigMap with those who vouch for it.
	certificateSecret = "roadbed-platform-api-cert"
	authorities       = "platform-api-ca"
	serviceHost       = service + "." + identity.SystemNamespace + ".svc"
	service           = "platform-api"
	// gatewayName is the Gateway's, and documents the route's to what anybody may read.
	gatewayName = "platform-api"
	documents   = "platform-api-documents"
	// gatewayCertificate is the Secret that an organisation puts its own certificate in.
	gatewayCertificate = "platform-api-tls"
)

// Service names the Service of the HTTP API.
func Service() (namespace, name string) { return identity.SystemNamespace, service }

// Objects are what capabilities need of a cluster: rights and guards.
func Objects() []client.Object {
	return slices.Concat(rbac.Objects(), account.Objects(), guards.Objects(), account.Guards(), approval.Guards())
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: name}
}

// Behind are what leads from a gateway to the HTTP API, for the program named so
// in a cluster. With an empty name the program runs outside, beside its gateway,
// which knows where it is: then there is a Service to refer to and no more.
func Behind(program string) []client.Object {
	made := &corev1.Service{ObjectMeta: meta(service), Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Name: "api", Port: capability.Settings{}.WithDefaults().Port, TargetPort: intstr.FromString(PortName)}},
	}}
	if program == "" {
		return []client.Object{made}
	}
	made.Spec.Selector = map[string]string{"app.kubernetes.io/name": program}
	return []client.Object{made, verified(), fenced(program)}
}

// verified makes gateways check that it is the HTTP API that they send tokens to.
func verified() client.Object {
	return &gatewayv1.BackendTLSPolicy{ObjectMeta: meta(service), Spec: gatewayv1.BackendTLSPolicySpec{
		TargetRefs: []gatewayv1.LocalPolicyTargetReferenceWithSectionName{{
			LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: service},
		}},
		Validation: gatewayv1.BackendTLSPolicyValidation{
			Hostname:          serviceHost,
			CACertificateRefs: []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: authorities}},
		},
	}}
}

// fenced lets gateways alone connect to the HTTP API, so that rates and the ledger
// hold for everybody. Everything else of the program is left as it is.
func fenced(program string) client.Object {
	tcp := corev1.ProtocolTCP
	ports := func(from, to int32) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: &tcp, Port: new(intstr.FromInt32(from)), EndPort: &to}
	}
	return &networkingv1.NetworkPolicy{ObjectMeta: meta(service), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": program}},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{
			{Ports: []networkingv1.NetworkPolicyPort{ports(1, Port-1), ports(Port+1, 65535)}},
			{
				Ports: []networkingv1.NetworkPolicyPort{ports(Port, Port)},
				From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
					Key: "app.kubernetes.io/name", Operator: metav1.LabelSelectorOpIn, Values: []string{program, program + "-gateway"},
				}}}}},
			},
		},
	}}
}

// settings are the platform's names where claims are served over HTTP: one policy
// guards all APIs, to which the platform's people add issuers.
func settings(served bool) capability.Settings {
	if !served {
		return capability.Settings{}.WithDefaults()
	}
	return capability.Settings{Authorization: gatewayName}.WithDefaults()
}

// Entry are the platform's own Gateway, who may call its APIs, and the route to
// what anybody may read: the OpenAPI document and the docs. They are made once, and belong to the
// platform's people then. In a cluster the Gateway speaks TLS, with the
// certificate that the organisation puts into a Secret.
func Entry(cluster bool) []client.Object {
	same := gatewayv1.NamespacesFromSame
	listener := gatewayv1.Listener{
		Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType,
		AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &same}},
	}
	if cluster {
		listener.Name, listener.Port, listener.Protocol = "https", 443, gatewayv1.HTTPSProtocolType
		listener.TLS = &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: gatewayCertificate}}}
	}
	return []client.Object{
		&gatewayv1.Gateway{ObjectMeta: meta(gatewayName), Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "roadbed", Listeners: []gatewayv1.Listener{listener},
		}},
		&gatewayv1alpha1.AuthorizationPolicy{ObjectMeta: meta(gatewayName), Spec: gatewayv1alpha1.AuthorizationPolicySpec{
			Issuers:            []gatewayv1alpha1.TokenIssuer{{Type: "Cluster", MaxStale: &metav1.Duration{Duration: 24 * time.Hour}}},
			TokenToBackend:     "Passed",
			APIKeys:            &gatewayv1alpha1.APIKeys{Header: "x-api-key", ToBackend: "Passed"},
			ClientCertificates: "Ignore", Anonymous: "Refuse", Tenant: "Required",
		}},
		&gatewayv1alpha1.RateLimitPolicy{ObjectMeta: meta(documents), Spec: gatewayv1alpha1.RateLimitPolicySpec{
			Requests: 300, Unit: gatewayv1alpha1.UnitMinute, Scope: "Client", FailureMode: "Local",
		}},
		documentsRoute(),
	}
}

func documentsRoute() client.Object {
	exact, prefix, port := gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix, capability.Settings{}.WithDefaults().Port
	return &gatewayv1.HTTPRoute{ObjectMeta: meta(documents), Spec: gatewayv1.HTTPRouteSpec{
		CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: gatewayName}}},
		Rules: []gatewayv1.HTTPRouteRule{{
			Matches: []gatewayv1.HTTPRouteMatch{
				{Path: &gatewayv1.HTTPPathMatch{Type: &exact, Value: new("/openapi.json")}},
				{Path: &gatewayv1.HTTPPathMatch{Type: &prefix, Value: new("/docs")}},
			},
			Filters: []gatewayv1.HTTPRouteFilter{{
				Type: gatewayv1.HTTPRouteFilterExtensionRef,
				ExtensionRef: &gatewayv1.LocalObjectReference{
					Group: gatewayv1.Group(gatewayv1alpha1.GroupVersion.Group), Kind: "RateLimitPolicy", Name: documents,
				},
			}},
			BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{
					Group: new(gatewayv1.Group("")), Kind: new(gatewayv1.Kind("Service")), Name: service, Port: &port,
				},
				Weight: new(int32(1)),
			}}},
		}},
	}}
}
