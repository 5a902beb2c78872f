package guards_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// testBudget shows that objects much larger than usual, in a namespace with
// every list as long as the API allows, stay within what Kubernetes lets a
// policy spend: a guard that cannot finish refuses.
func testBudget(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "budget")
	ann := s.personas[0].client
	s.fillLists(t)
	objects := map[string]client.Object{"pod": largePod(s.mine), "policy": largePolicy(s.mine)}
	for name, object := range objects {
		eventually(t, "a large "+name+" is admitted", func() error {
			return ann.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
		})
	}
}

// fillLists makes the namespace's lists as long as the Tenant allows.
func (s *scene) fillLists(t *testing.T) {
	t.Helper()
	list := func(count int, format string) string {
		words := make([]string, count)
		for i := range words {
			words[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(words, ",")
	}
	long := strings.Repeat("x", 200)
	annotations, err := json.Marshal(map[string]string{
		v1alpha1.AnnotationRegistries:   list(32, "registry.example/"+long+"-%d/"),
		v1alpha1.AnnotationIngressPeers: list(64, "tenant-with-a-rather-long-name-%d"),
		v1alpha1.AnnotationEgressPeers:  list(64, "tenant-with-a-rather-long-name-%d"),
		v1alpha1.AnnotationEgressCIDRs:  list(64, "10.%d.0.0/16"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.roadbed.Patch(t.Context(), own(s), mergePatch(`{"metadata":{"annotations":`+string(annotations)+`}}`)); err != nil {
		t.Fatal(err)
	}
}

func largePod(namespace string) *corev1.Pod {
	return pod(namespace, func(p *corev1.Pod) {
		image := "registry.example/" + strings.Repeat("x", 200) + "-31/web:1"
		p.Spec.Containers = nil
		for i := range 25 {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: fmt.Sprintf("web-%d", i), Image: image})
			p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: fmt.Sprintf("init-%d", i), Image: image})
		}
	})
}

func largePolicy(namespace string) *networkingv1.NetworkPolicy {
	policy := ownPolicy(namespace)
	for i := range 64 {
		tenant := byLabel(v1alpha1.LabelTenant, fmt.Sprintf("tenant-with-a-rather-long-name-%d", i))
		policy.Spec.Ingress = append(policy.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{tenant}})
		policy.Spec.Egress = append(policy.Spec.Egress, networkingv1.NetworkPolicyEgressRule{
			To: []networkingv1.NetworkPolicyPeer{tenant, block(fmt.Sprintf("10.%d.1.0/24", i))}, Ports: ports(443),
		})
	}
	return policy
}
