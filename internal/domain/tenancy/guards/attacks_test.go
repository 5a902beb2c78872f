package guards_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// roundabout are the side doors of the API: subresources, metadata that
// Kubernetes' own controllers act on, and ownership of fields.
func roundabout() []offence {
	web := func(namespace string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
	}
	binds := func(ctx context.Context, c client.Client, s *scene) error {
		return c.SubResource("binding").Create(ctx, web(s.mine), &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-0"}}, client.DryRunAll)
	}
	evicts := func(ctx context.Context, c client.Client, s *scene) error {
		return c.SubResource("eviction").Create(ctx, web(s.other), &policyv1.Eviction{}, client.DryRunAll)
	}
	proxies := func(ctx context.Context, c client.Client, s *scene) error {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "web"}}
		return c.SubResource("proxy").Get(ctx, service, &corev1.Pod{})
	}
	reports := func(ctx context.Context, c client.Client, s *scene) error {
		return c.Status().Patch(ctx, web(s.mine), mergePatch(`{"status":{"podIP":"10.0.0.1"}}`), client.DryRunAll)
	}
	borrows := func(namespace func(*scene) string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			_, err := requestToken(ctx, c, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace(s), Name: "deployer"}})
			return err
		}
	}
	revision := creates(func(s *scene) client.Object {
		return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "past"}}
	})
	sweepsQuotas := func(ctx context.Context, c client.Client, s *scene) error {
		return c.DeleteAllOf(ctx, &corev1.ResourceQuota{}, client.InNamespace(s.mine), client.DryRunAll)
	}
	tenant := func(s *scene) client.Object {
		return &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: s.tenant}}
	}
	const owner = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"gone","blockOwnerDeletion":true}]}}`
	own := creates(func(s *scene) client.Object { return ownPolicy(s.mine) })
	mine, other := func(s *scene) string { return s.mine }, func(s *scene) string { return s.other }
	return []offence{
		{"bind a pod to a node", byRBAC, binds, nil},
		{"evict a neighbour's pod", byRBAC, evicts, nil},
		{"call through the API server", byRBAC, proxies, nil},
		{"report for a kubelet", byRBAC, reports, nil},
		{"rewrite a workload's history", byRBAC, revision, nil},
		{"delete every quota", byRBAC, sweepsQuotas, nil},
		{"borrow a neighbour's deployer", byRBAC, borrows(other), borrows(mine)},
		{"raise the Tenant's quota", byRBAC, patches(tenant, `{"spec":{"quota":{"pods":"9999"}}}`), nil},
		{"own the default deny by force", "platform-objects", applies("default-deny-all"), applies("own")},
		{"have the default deny collected", "platform-objects", patches(defaultDeny, owner), own},
		{"hold the default deny", "platform-objects", patches(defaultDeny, `{"metadata":{"finalizers":["example.com/hold"]}}`), own},
		{"debug as root", byPodSecurity, debugs(0), debugs(1000)},
	}
}

func defaultDeny(s *scene) client.Object {
	policy := ownPolicy(s.mine)
	policy.GenerateName, policy.Name = "", tenancy.PolicyDefaultDeny
	return policy
}

// applies is the deed of applying a harmless policy, which takes the fields from
// whoever had them.
func applies(name string) deed {
	return func(ctx context.Context, c client.Client, s *scene) error {
		policy := ownPolicy(s.mine)
		policy.GenerateName, policy.Name = "", name
		body := `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"` + name + `"},"spec":{"podSelector":{},"policyTypes":["Egress"]}}`
		return c.Patch(ctx, policy, client.RawPatch(types.ApplyYAMLPatchType, []byte(body)), client.FieldOwner("tenant"), client.ForceOwnership, client.DryRunAll)
	}
}

// debugs is the deed of adding a debugging container with a user to a pod that
// runs already.
func debugs(uid int64) deed {
	return func(ctx context.Context, c client.Client, s *scene) error {
		web := pod(s.mine)
		if err := c.Create(ctx, web); err != nil {
			return fmt.Errorf("not even the pod was started: %w", err)
		}
		patch := fmt.Sprintf(`{"spec":{"ephemeralContainers":[{"name":"debug","image":%q,"securityContext":{"runAsUser":%d}}]}}`, web.Spec.Containers[0].Image, uid)
		return c.SubResource("ephemeralcontainers").Patch(ctx, web, client.RawPatch(types.StrategicMergePatchType, []byte(patch)), client.DryRunAll)
	}
}
