package guards_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

func testNetworkPolicies(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "network")
	for _, who := range s.personas {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range networkOffences() {
				t.Run(o.name, func(t *testing.T) { judge(t, o, who.client, s) })
			}
		})
	}
}

// networkOffences are policies that would loosen the platform's, each with a
// policy that is as close to it as the platform allows.
func networkOffences() []offence {
	const guard = "network-peers"
	tenant := func(name string) networkingv1.NetworkPolicyPeer { return byLabel(v1alpha1.LabelTenant, name) }
	named := func(name string) networkingv1.NetworkPolicyPeer { return byLabel(corev1.LabelMetadataName, name) }
	anyPod := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
	anyNamespace := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}
	return []offence{
		{"admit everybody", guard, admits(), admits(anyPod)},
		{"reach everybody", guard, reaches(nil), reaches(nil, anyPod)},
		{"admit every namespace", guard, admits(anyNamespace), admits(tenant("network"))},
		{"reach every namespace", guard, reaches(nil, anyNamespace), reaches(nil, tenant("network"))},
		{"admit one bad peer among good ones", guard, admits(anyPod, anyNamespace), admits(anyPod, tenant("network"))},
		{"admit a tenant nobody granted", guard, admits(tenant("network-other")), admits(tenant("caller"))},
		{"reach a tenant nobody granted", guard, reaches(nil, tenant("network-other")), reaches(nil, tenant("callee"))},
		{"reach whom one may only admit", guard, reaches(nil, tenant("caller")), nil},
		{"admit whom one may only reach", guard, admits(tenant("callee")), nil},
		{"admit by a label anybody may set", guard, admits(byLabel("tenant", "network")), nil},
		{"admit a neighbour's namespace", guard, admits(named("tenant-network-other")), admits(named("tenant-network"))},
		{"admit Kubernetes' namespace", guard, admits(named("kube-system")), admits(named("platform-ingress"))},
		{"admit several with one bad", guard, admits(oneOf(v1alpha1.LabelTenant, "network", "network-other")), admits(oneOf(v1alpha1.LabelTenant, "network", "caller"))},
		{"admit all but some", guard, admits(noneOf(v1alpha1.LabelTenant, "network")), nil},
		{"admit whoever is any tenant", guard, admits(exists(v1alpha1.LabelTenant)), nil},
		{"reach name resolution on every port", guard, reaches(nil, named("kube-system")), reaches(ports(53), named("kube-system"))},
		{"reach beside name resolution", guard, reaches(ports(53, 10250), named("kube-system")), nil},
		{"reach a range from name resolution on", guard, reaches(upTo(53, 10250), named("kube-system")), nil},
		{"reach the platform's ingress", guard, reaches(nil, named("platform-ingress")), reaches(nil, named("platform-observability"))},
		{"admit an address", guard, admits(block("203.0.113.0/24")), nil},
		{"reach an address nobody granted", guard, reaches(nil, block("198.51.100.0/24")), reaches(nil, block("203.0.113.0/25"))},
		{"reach more than was granted", guard, reaches(nil, block("203.0.112.0/23")), reaches(nil, block("203.0.113.7/32"))},
		{"reach a range of the other family", guard, reaches(nil, block("2001:db9::/32")), reaches(nil, block("2001:db8:1::/48"))},
		{"reach credentials of the cloud", guard, reaches(nil, block("169.254.169.254/32")), reaches(nil, block("169.255.0.0/16"))},
		{"reach around credentials without a hole", guard, reaches(nil, block("169.254.0.0/15")), reaches(nil, block("169.254.0.0/15", "169.254.0.0/16"))},
		{"reach the whole internet", guard, reaches(nil, block("0.0.0.0/0")), nil},
		{"reach the whole internet by IPv6", guard, reaches(nil, block("::/0", "fe80::/10", "fd00:ec2::254/128")), nil},
		{"reach around IPv6 credentials without a hole", guard, reaches(nil, block("fd00:ec2::/64")), nil},
		{"admit everybody but some who exist", guard, admits(anyBut(v1alpha1.LabelTenant, "network")), nil},
		{"loosen a policy of one's own", guard, loosens, nil},
	}
}

// loosens writes a lawful policy and opens it afterwards.
func loosens(ctx context.Context, c client.Client, s *scene) error {
	policy := ownPolicy(s.mine)
	if err := c.Create(ctx, policy); err != nil {
		return errors.New("not even the lawful policy was written")
	}
	policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	return c.Update(ctx, policy, client.DryRunAll)
}

func ownPolicy(namespace string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "own-"}}
}

func admits(peers ...networkingv1.NetworkPolicyPeer) deed {
	return creates(func(s *scene) client.Object {
		policy := ownPolicy(s.mine)
		policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: peers}}
		return policy
	})
}

func reaches(ports []networkingv1.NetworkPolicyPort, peers ...networkingv1.NetworkPolicyPeer) deed {
	return creates(func(s *scene) client.Object {
		policy := ownPolicy(s.mine)
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}}
		return policy
	})
}

func byLabel(key, value string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
}

func oneOf(key string, values ...string) networkingv1.NetworkPolicyPeer {
	return byTerm(key, metav1.LabelSelectorOpIn, values...)
}

func noneOf(key string, values ...string) networkingv1.NetworkPolicyPeer {
	return byTerm(key, metav1.LabelSelectorOpNotIn, values...)
}

// anyBut looks narrow for its two terms and is not.
func anyBut(key string, values ...string) networkingv1.NetworkPolicyPeer {
	peer := exists(key)
	peer.NamespaceSelector.MatchExpressions = append(peer.NamespaceSelector.MatchExpressions, noneOf(key, values...).NamespaceSelector.MatchExpressions...)
	return peer
}

func exists(key string) networkingv1.NetworkPolicyPeer {
	return byTerm(key, metav1.LabelSelectorOpExists)
}

func byTerm(key string, operator metav1.LabelSelectorOperator, values ...string) networkingv1.NetworkPolicyPeer {
	term := metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{term}}}
}

func block(cidr string, except ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
}

func ports(numbers ...int32) []networkingv1.NetworkPolicyPort {
	var list []networkingv1.NetworkPolicyPort
	for _, number := range numbers {
		port := intstr.FromInt32(number)
		list = append(list, networkingv1.NetworkPolicyPort{Port: &port})
	}
	return list
}

func upTo(first, last int32) []networkingv1.NetworkPolicyPort {
	list := ports(first)
	list[0].EndPort = &last
	return list
}
