package tenancy

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// The names of the network policies in each tenant namespace.
const (
	// PolicyDefaultDeny closes everything.
	PolicyDefaultDeny = "default-deny-all"
	// PolicyPlatform opens what every tenant needs.
	PolicyPlatform = "allow-intra-tenant-and-platform"
	// PolicyDeclared opens what the tenant declares; absent if it declares nothing.
	PolicyDeclared = "allow-declared"
)

// linkLocal are the ranges where clouds answer with an instance's credentials.
// They are cut out of every declared egress range.
var linkLocal = []string{"169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"}

// networkPolicies are the policies of one namespace. tenantLabel is the value
// of the tenant label on all namespaces that belong together.
func networkPolicies(meta metav1.ObjectMeta, tenantLabel string, network v1alpha1.TenantNetwork, settings Settings) []client.Object {
	policies := []client.Object{
		networkPolicy(meta, PolicyDefaultDeny, nil, nil),
		networkPolicy(meta, PolicyPlatform, platformIngress(tenantLabel, settings), platformEgress(tenantLabel, settings)),
	}
	ingress, egress := declaredIngress(network), declaredEgress(network, settings)
	if len(ingress)+len(egress) > 0 {
		policies = append(policies, networkPolicy(meta, PolicyDeclared, ingress, egress))
	}
	return policies
}

// networkPolicy opens what the rules say and nothing else. No rules are written
// as an empty list: a field that is absent is left to whoever fills it.
func networkPolicy(meta metav1.ObjectMeta, name string, ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicy {
	if ingress == nil {
		ingress = []networkingv1.NetworkPolicyIngressRule{}
	}
	if egress == nil {
		egress = []networkingv1.NetworkPolicyEgressRule{}
	}
	directions := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: named(meta, name),
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: directions, Ingress: ingress, Egress: egress},
	}
}

// platformIngress admits the tenant itself, the platform's ingress proxies, and
// its collectors: metrics are pulled, so without the last no tenant has any.
func platformIngress(tenantLabel string, settings Settings) []networkingv1.NetworkPolicyIngressRule {
	return []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
		tenantPeer(tenantLabel),
		namespacePeer(settings.IngressNamespace),
		namespacePeer(settings.ObservabilityNamespace),
	}}}
}

// platformEgress lets pods reach the tenant itself, cluster DNS and the
// platform's collectors. DNS answers that do not fit a datagram come over TCP.
func platformEgress(tenantLabel string, settings Settings) []networkingv1.NetworkPolicyEgressRule {
	dns := namespacePeer(settings.DNSNamespace)
	dns.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}}
	return []networkingv1.NetworkPolicyEgressRule{
		{To: []networkingv1.NetworkPolicyPeer{tenantPeer(tenantLabel)}},
		{To: []networkingv1.NetworkPolicyPeer{dns}, Ports: []networkingv1.NetworkPolicyPort{
			port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53),
		}},
		{To: []networkingv1.NetworkPolicyPeer{namespacePeer(settings.ObservabilityNamespace)}},
	}
}

func declaredIngress(network v1alpha1.TenantNetwork) []networkingv1.NetworkPolicyIngressRule {
	var rules []networkingv1.NetworkPolicyIngressRule
	for _, peer := range network.IngressFrom {
		rules = append(rules, networkingv1.NetworkPolicyIngressRule{
			From:  []networkingv1.NetworkPolicyPeer{tenantPeer(peer.Tenant)},
			Ports: ports(peer.Ports),
		})
	}
	return rules
}

func declaredEgress(network v1alpha1.TenantNetwork, settings Settings) []networkingv1.NetworkPolicyEgressRule {
	var rules []networkingv1.NetworkPolicyEgressRule
	for _, peer := range network.EgressTo {
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{tenantPeer(peer.Tenant)},
			Ports: ports(peer.Ports),
		})
	}
	for _, peer := range network.EgressCIDRs {
		block := &networkingv1.IPBlock{CIDR: peer.CIDR, Except: holes(peer.CIDR, settings)}
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{{IPBlock: block}},
			Ports: ports(peer.Ports),
		})
	}
	return rules
}

// tenantPeer selects all pods of a tenant, by the label only Roadbed sets.
func tenantPeer(tenantLabel string) networkingv1.NetworkPolicyPeer {
	return namespaceLabelPeer(v1alpha1.LabelTenant, tenantLabel)
}

// namespacePeer selects all pods of a namespace by its name, which the API
// server itself keeps in a label that nobody can forge.
func namespacePeer(name string) networkingv1.NetworkPolicyPeer {
	return namespaceLabelPeer(corev1.LabelMetadataName, name)
}

func namespaceLabelPeer(key, value string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}},
	}
}

func ports(declared []v1alpha1.NetworkPort) []networkingv1.NetworkPolicyPort {
	var list []networkingv1.NetworkPolicyPort
	for _, p := range declared {
		protocol := p.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		list = append(list, port(protocol, p.Port))
	}
	return list
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	value := intstr.FromInt32(number)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &value}
}

// closedRanges are the ranges no declared egress may open.
func closedRanges(settings Settings) []string { return slices.Concat(linkLocal, settings.ClusterCIDRs) }

// holes are the closed ranges that lie within cidr, sorted.
func holes(cidr string, settings Settings) []string {
	outer, err := netip.ParsePrefix(cidr)
	if err != nil {
		return nil
	}
	var found []string
	for _, closed := range closedRanges(settings) {
		inner, err := netip.ParsePrefix(closed)
		if err == nil && inner.Bits() > outer.Bits() && outer.Overlaps(inner) {
			found = append(found, inner.Masked().String())
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func peerNames(peers []v1alpha1.TenantPeer) []string {
	names := make([]string, 0, len(peers))
	for _, peer := range peers {
		names = append(names, peer.Tenant)
	}
	return names
}

func cidrs(peers []v1alpha1.CIDRPeer) []string {
	list := make([]string, 0, len(peers))
	for _, peer := range peers {
		list = append(list, peer.CIDR)
	}
	return list
}

func classNames(classes []v1alpha1.StorageClassQuota) string {
	names := make([]string, 0, len(classes))
	for _, class := range classes {
		names = append(names, class.Name)
	}
	return join(names)
}

// join sorts a list, drops what is in it twice and puts commas between.
func join(list []string) string {
	sorted := slices.Sorted(slices.Values(list))
	return strings.Join(slices.Compact(sorted), ",")
}
