package guards_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// testLoadBalancers shows that a tenant of tier-1, whose quota has five load
// balancers and no node port, gets the five by the Services people write.
func testLoadBalancers(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "balancers")
	tenant := s.describe("balancers-tier-1", v1alpha1.Subject{Kind: rbacv1.UserKind, Name: "ann@balancers"})
	tenant.Spec.Tier = "tier-1"
	s.onboard(t, tenant)
	namespace, ann := "tenant-"+tenant.Name, s.personas[0].client
	awaitRight(t, "the tenant's admin", func() error {
		return ann.Create(t.Context(), service(namespace), client.DryRunAll)
	})
	eventually(t, "load-balancers is in force", func() error { return createdWithoutNodePorts(t, ann, balancer(namespace), client.DryRunAll) })

	var last *corev1.Service
	for range 5 {
		last = balancer(namespace)
		if err := createdWithoutNodePorts(t, ann, last); err != nil {
			t.Error(err)
		}
	}
	t.Run("a sixth", func(t *testing.T) {
		wantOverQuota(t, ann.Create(t.Context(), balancer(namespace)), "services.loadbalancers")
	})
	t.Run("written as a whole again", func(t *testing.T) { rewrites(t, ann, last) })
	t.Run("made of a service of the cluster", func(t *testing.T) { turns(t, ann, s.mine) })
	for name, wanted := range map[string]func(*corev1.ServiceSpec){
		"of type NodePort": func(spec *corev1.ServiceSpec) { spec.Type = corev1.ServiceTypeNodePort },
		"chosen beside a balancer": func(spec *corev1.ServiceSpec) {
			spec.Type, spec.Ports[0].NodePort = corev1.ServiceTypeLoadBalancer, 30123
		},
	} {
		t.Run("a node port "+name, func(t *testing.T) {
			wantOverQuota(t, ann.Create(t.Context(), service(namespace, wanted), client.DryRunAll), "services.nodeports")
		})
	}
	t.Run("elsewhere nothing changes", func(t *testing.T) {
		made := balancer(s.bystander)
		create(t, s.admin, made)
		if made.Spec.AllocateLoadBalancerNodePorts == nil || !*made.Spec.AllocateLoadBalancerNodePorts {
			t.Error("a load balancer outside of tenants lost its node ports")
		}
	})
}

// balancer is a load balancer as people write one: it says nothing of node ports.
func balancer(namespace string) *corev1.Service {
	return service(namespace, func(spec *corev1.ServiceSpec) {
		spec.Type = corev1.ServiceTypeLoadBalancer
		spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "https", Port: 443}}
	})
}

func createdWithoutNodePorts(t *testing.T, c client.Client, made *corev1.Service, opts ...client.CreateOption) error {
	if err := c.Create(t.Context(), made, opts...); err != nil {
		return fmt.Errorf("an ordinary load balancer is refused: %w", err)
	}
	for _, port := range made.Spec.Ports {
		if port.NodePort != 0 {
			return fmt.Errorf("load balancer %q got node port %d", made.Name, port.NodePort)
		}
	}
	return nil
}

// turns makes a load balancer out of another Service. Not among the five: of
// this change the quota controller learns as well, and may count late.
func turns(t *testing.T, c client.Client, namespace string) {
	turned := service(namespace)
	create(t, c, turned)
	turned.Spec.Type = corev1.ServiceTypeLoadBalancer
	if err := c.Update(t.Context(), turned); err != nil {
		t.Errorf("a service of the cluster cannot become a load balancer: %v", err)
	}
	if turned.Spec.Ports[0].NodePort != 0 {
		t.Errorf("the balancer got node port %d", turned.Spec.Ports[0].NodePort)
	}
}

// rewrites replaces the Service by one that says nothing of node ports, as
// tools do that know the whole object: the server then assumes that they are
// wanted.
func rewrites(t *testing.T, c client.Client, made *corev1.Service) {
	again := made.DeepCopy()
	again.ObjectMeta = metav1.ObjectMeta{Namespace: made.Namespace, Name: made.Name, ResourceVersion: made.ResourceVersion, Labels: map[string]string{"v": "2"}}
	again.Spec.AllocateLoadBalancerNodePorts = nil
	if err := c.Update(t.Context(), again); err != nil {
		t.Fatalf("the balancer cannot be written again: %v", err)
	}
	if again.Spec.AllocateLoadBalancerNodePorts == nil || *again.Spec.AllocateLoadBalancerNodePorts {
		t.Error("the balancer has node ports now")
	}
}

func wantOverQuota(t *testing.T, err error, resource string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), fingerprint(byQuota)) || !strings.Contains(err.Error(), resource) {
		t.Errorf("want it refused by the quota of %s, got: %v", resource, err)
	}
}
