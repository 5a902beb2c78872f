package capsule

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// network declares the address ranges that a policy for all pods lets them
// call. Whatever has more in it is reported: Roadbed generates its own
// policies.
func (t *translation) network(policies tree) {
	items, _ := policies["items"].([]any)
	for i, item := range items {
		policy, _ := item.(tree)
		if !t.declare(policy) {
			t.report(fmt.Sprintf("spec.networkPolicies.items[%d]", i),
				"Roadbed generates the policies: declare peers and ranges in spec.network, write other policies in the namespaces")
		}
		items[i] = nil
	}
}

// declare translates a policy, all of it or nothing. A policy for all pods
// without rules denies, which Roadbed's own does as well.
func (t *translation) declare(policy tree) bool {
	for field := range policy {
		if !slices.Contains([]string{"podSelector", "policyTypes", "egress", "ingress"}, field) {
			return false
		}
	}
	selector, selects := policy["podSelector"].(tree)
	if !selects || len(selector) > 0 || len(parts(policy["ingress"])) > 0 {
		return false
	}
	var declared []v1alpha1.CIDRPeer
	for _, rule := range parts(policy["egress"]) {
		peers, ok := ranges(rule.value)
		if !ok {
			return false
		}
		declared = append(declared, peers...)
	}
	network := &t.tenant.Spec.Network
	network.EgressCIDRs = append(network.EgressCIDRs, declared...)
	return true
}

// ranges translates an egress rule that names nothing but whole address ranges
// and numbered ports.
func ranges(value any) ([]v1alpha1.CIDRPeer, bool) {
	rule, _ := value.(tree)
	for field := range rule {
		if field != "to" && field != "ports" {
			return nil, false
		}
	}
	ports, ok := numbered(rule["ports"])
	to, _ := rule["to"].([]any)
	if !ok || len(to) == 0 {
		return nil, false
	}
	var peers []v1alpha1.CIDRPeer
	for _, item := range to {
		peer, _ := item.(tree)
		block := child(peer, "ipBlock")
		cidr, _ := block["cidr"].(string)
		if _, err := netip.ParsePrefix(cidr); err != nil || len(peer) != 1 || len(block) != 1 {
			return nil, false
		}
		peers = append(peers, v1alpha1.CIDRPeer{CIDR: cidr, Ports: ports})
	}
	return peers, true
}

func numbered(value any) ([]v1alpha1.NetworkPort, bool) {
	list, ok := value.([]any)
	if !ok {
		return nil, value == nil
	}
	var ports []v1alpha1.NetworkPort
	for _, item := range list {
		object, _ := item.(tree)
		number, ok := object["port"].(float64)
		if !ok || len(object) > 2 || number != float64(int32(number)) {
			return nil, false
		}
		protocol, stated := object["protocol"].(string)
		if !stated {
			protocol = string(corev1.ProtocolTCP)
		}
		if len(object) == 2 && !stated {
			return nil, false
		}
		ports = append(ports, v1alpha1.NetworkPort{Protocol: corev1.Protocol(protocol), Port: int32(number)})
	}
	return ports, true
}
