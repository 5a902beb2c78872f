package operator_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	roadv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// What was made of a Capability comes back when somebody deletes it, and nobody
// touches the Capability.
func TestWhatIsDeletedComesBack(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "mirror", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	system := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "roadbed-system", Name: name}
	}
	for _, each := range []client.Object{
		&gatewayv1.HTTPRoute{ObjectMeta: system(capability.RouteName(c))},
		&roadv1alpha1.RateLimitPolicy{ObjectMeta: system(capability.RouteName(c))},
		&roadv1alpha1.AuthorizationPolicy{ObjectMeta: system(capability.RouteName(c))},
		&roadv1alpha1.LifecyclePolicy{ObjectMeta: system(capability.RouteName(c) + "-v1")},
		&corev1.ConfigMap{ObjectMeta: system(capability.RouteName(c))},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: capability.RolePrefix + "mirror:edit"}},
	} {
		t.Run(fmt.Sprintf("%T", each), func(t *testing.T) {
			t.Parallel()
			key := client.ObjectKeyFromObject(each)
			if err := p.client.Get(t.Context(), key, each); err != nil {
				t.Fatal(err)
			}
			gone := each.GetUID()
			if err := p.client.Delete(t.Context(), each); err != nil {
				t.Fatal(err)
			}
			kubetest.Eventually(t, patience, "it is back", func() error {
				if err := p.client.Get(t.Context(), key, each); err != nil {
					return err
				}
				if each.GetUID() == gone {
					return fmt.Errorf("%s is still there", key)
				}
				return nil
			})
		})
	}
}

func TestWhatIsEditedIsRepaired(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "lens", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	edits := map[client.Object]string{
		&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: capability.Definition(c)}}:                         `{"spec":{"names":{"categories":["stray"]}}}`,
		&gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "roadbed-system", Name: capability.RouteName(c)}}:                  `{"spec":{"rules":[{"backendRefs":[{"name":"stray","port":80}]}]}}`,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "roadbed-system", Name: capability.RouteName(c)}}:                     `{"data":{"docs.md":"stray"}}`,
		&roadv1alpha1.LifecyclePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "roadbed-system", Name: capability.RouteName(c) + "-v1"}}: `{"spec":{"stage":"beta"}}`,
	}
	for each, patch := range edits {
		key := client.ObjectKeyFromObject(each)
		if err := p.client.Get(t.Context(), key, each); err != nil {
			t.Fatal(err)
		}
		want := bodyOf(each)
		if err := p.client.Patch(t.Context(), each, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(want, bodyOf(each)) {
			t.Fatalf("%T: the edit changed nothing", each)
		}
		kubetest.Eventually(t, patience, fmt.Sprintf("%T is repaired", each), func() error {
			if err := p.client.Get(t.Context(), key, each); err != nil {
				return err
			}
			if diff := cmp.Diff(want, bodyOf(each)); diff != "" {
				return fmt.Errorf("it differs: %s", diff)
			}
			return nil
		})
	}
}

// bodyOf is what of an object is Roadbed's to say.
func bodyOf(obj client.Object) any {
	switch o := obj.(type) {
	case *apiextensionsv1.CustomResourceDefinition:
		return o.DeepCopy().Spec.Names
	case *gatewayv1.HTTPRoute:
		return o.DeepCopy().Spec
	case *corev1.ConfigMap:
		return o.DeepCopy().Data
	case *roadv1alpha1.LifecyclePolicy:
		return o.DeepCopy().Spec
	}
	return nil
}

// What a version no longer says of itself, the gateway no longer holds against it.
func TestPromotedVersionLosesItsFlag(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ensure(t, &v1alpha1.FeatureFlag{ObjectMeta: metav1.ObjectMeta{Name: "prism"}})
	alpha := version("v1", v1alpha1.StageAlpha, `"size":{"type":"integer"}`)
	alpha.Flag = "prism"
	c := p.publish(t, "prism", alpha)
	if err := p.change(t, c, func(c *v1alpha1.Capability) {
		c.Spec.Versions[0].Stage, c.Spec.Versions[0].Flag = v1alpha1.StageBeta, ""
	}); err != nil {
		t.Fatal(err)
	}
	p.ready(t, c)
	kubetest.Eventually(t, patience, "the flag is gone", func() error {
		var policy roadv1alpha1.LifecyclePolicy
		if err := p.client.Get(t.Context(), types.NamespacedName{Namespace: "roadbed-system", Name: "capability-prism-v1"}, &policy); err != nil {
			return err
		}
		if policy.Spec.Flag != "" || policy.Spec.Stage != "beta" {
			return fmt.Errorf("it says %+v", policy.Spec)
		}
		return nil
	})
}

// Claims and consumers are counted again when they change, and what did not
// change is not written.
func TestCountsAreFresh(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "meter", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	if c.Status.Claims != 0 {
		t.Fatalf("%d claims before there is one", c.Status.Claims)
	}
	namespace := p.place(t, "meters", "dev")
	one := claim(c, "v1", namespace, "one", map[string]any{"size": int64(1)})
	for _, each := range []client.Object{one, claim(c, "v1", namespace, "two", map[string]any{})} {
		if err := p.client.Create(t.Context(), each); err != nil {
			t.Fatal(err)
		}
		p.domain.ClaimsChanged("meter")
	}
	p.usage.use("meters", "v1", capability.Consumer{Tenant: "meters"})
	counted := func(claims, consumers int32) {
		t.Helper()
		kubetest.Eventually(t, patience, "they are counted", func() error {
			if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
				return err
			}
			if got := c.Status.Versions[0]; c.Status.Claims != claims || got.Claims != claims || got.Consumers != consumers {
				return fmt.Errorf("%d claims, version %+v", c.Status.Claims, got)
			}
			return nil
		})
	}
	counted(2, 1)
	kubetest.Eventually(t, patience, "they are named", func() error {
		var named corev1.ConfigMap
		if err := p.client.Get(t.Context(), types.NamespacedName{Namespace: "roadbed-system", Name: capability.ConsumersName(c)}, &named); err != nil {
			return err
		}
		if users, err := capability.ReadConsumers(&named); err != nil || len(users["v1"]) != 1 || users["v1"][0].Tenant != "meters" {
			return fmt.Errorf("named are %v: %w", users, err)
		}
		return nil
	})
	if err := p.client.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	p.domain.ClaimsChanged("meter")
	counted(1, 1)
}

// What is published and withdrawn is on the trail.
func TestPublishingIsRecorded(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "ledger", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	if err := p.client.Delete(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "it is gone", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	if diff := cmp.Diff([]string{operator.ActionPublish, operator.ActionWithdraw}, p.trail.Actions("Capability", "ledger")); diff != "" {
		t.Errorf("on the trail: %s", diff)
	}
}
