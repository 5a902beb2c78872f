package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func version(name string, stage v1alpha1.Stage, properties string) v1alpha1.CapabilityVersion {
	return v1alpha1.CapabilityVersion{
		Name: name, Stage: stage,
		Schema:      v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(`{"type":"object","properties":{` + properties + `}}`)}},
		Provisioner: v1alpha1.Provisioner{Type: v1alpha1.ProvisionerBuiltin, Builtin: &v1alpha1.BuiltinProvisioner{Name: "none"}},
	}
}

// publish makes a Capability whose first version is stored, and waits for it.
func (p *platform) publish(t *testing.T, name string, versions ...v1alpha1.CapabilityVersion) *v1alpha1.Capability {
	t.Helper()
	versions[0].Storage = true
	c := &v1alpha1.Capability{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.CapabilitySpec{
			Description: "Something that tests claim.", Layer: v1alpha1.LayerData, Owner: v1alpha1.CapabilityOwner{Team: "data"},
			Names:    v1alpha1.ClaimNames{Kind: strings.ToUpper(name[:1]) + name[1:], Plural: name + "s"},
			Versions: versions,
		},
	}
	if err := p.client.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, 5*time.Second, "capability "+name+" is published", func() error { return p.isReady(t, c) })
	return c
}

func (p *platform) ready(t *testing.T, c *v1alpha1.Capability) {
	t.Helper()
	kubetest.Eventually(t, patience, "the capability is ready", func() error { return p.isReady(t, c) })
}

func (p *platform) isReady(t *testing.T, c *v1alpha1.Capability) error {
	t.Helper()
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		return err
	}
	ready := condition.Get(c.Status.Conditions, condition.Ready)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != c.Generation {
		return fmt.Errorf("conditions: %v", c.Status.Conditions)
	}
	return nil
}

// change updates a Capability, and returns the error.
func (p *platform) change(t *testing.T, c *v1alpha1.Capability, change func(*v1alpha1.Capability)) error {
	t.Helper()
	for {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			t.Fatal(err)
		}
		change(c)
		if err := p.client.Update(t.Context(), c); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// place is a namespace of a tenant.
func (p *platform) place(t *testing.T, tenant, environment string) string {
	t.Helper()
	name := "tenant-" + tenant + "-" + environment
	p.ensure(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		tenancyv1alpha1.LabelTenant: tenant, tenancyv1alpha1.LabelEnvironment: environment, tenancyv1alpha1.LabelTier: "tier-2",
	}}})
	return name
}

func claim(c *v1alpha1.Capability, version, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	made.SetGroupVersionKind(capability.Kind(c, version))
	made.SetNamespace(namespace)
	made.SetName(name)
	return made
}

func refused(t *testing.T, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was let through, want %q", wants)
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("refused with\n%v\nwant %q", err, want)
		}
	}
}

func TestPublished(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "queue", version("v1", v1alpha1.StageGA, `"size":{"type":"integer","maximum":9}`))
	namespace := p.place(t, "queuers", "dev")
	if err := p.client.Create(t.Context(), claim(c, "v1", namespace, "orders", map[string]any{"size": int64(3)})); err != nil {
		t.Fatal(err)
	}
	refused(t, p.client.Create(t.Context(), claim(c, "v1", namespace, "large", map[string]any{"size": int64(10)})), "less than or equal to 9")
	var documents corev1.ConfigMap
	if err := p.client.Get(t.Context(), types.NamespacedName{Namespace: "roadbed-system", Name: "capability-queue"}, &documents); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(documents.Data[capability.KeyDocs], "# Queue") || documents.Data[capability.KeyOpenAPI("v1")] == "" {
		t.Errorf("documents: %v", documents.Data)
	}
	refused(t, p.client.Delete(t.Context(), c), "in use", namespace+"/orders")
}

// What tenants may do with claims they may do where their role is bound.
func TestTenantClaimsAtHomeOnly(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "topic", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	home, away := p.place(t, "homely", "dev"), p.place(t, "away", "dev")
	p.ensure(t, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "capability-test-developer"},
		AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{
			MatchLabels: map[string]string{capability.AggregateTo + "developer": "true"},
		}}},
	})
	p.ensure(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "developers"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "capability-test-developer"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "ada"}},
	})
	ada := p.env.ClientAs(t, "ada", "system:authenticated")
	kubetest.Eventually(t, patience, "ada claims at home", func() error {
		return client.IgnoreAlreadyExists(ada.Create(t.Context(), claim(c, "v1", home, "events", map[string]any{"size": int64(1)})))
	})
	if err := ada.Create(t.Context(), claim(c, "v1", away, "events", map[string]any{})); !apierrors.IsForbidden(err) {
		t.Errorf("ada claims in another tenant's namespace: %v", err)
	}
	var own unstructured.Unstructured
	own.SetGroupVersionKind(capability.Kind(c, "v1"))
	if err := ada.Get(t.Context(), types.NamespacedName{Namespace: home, Name: "events"}, &own); err != nil {
		t.Fatal(err)
	}
	if err := ada.Status().Update(t.Context(), &own); !apierrors.IsForbidden(err) {
		t.Errorf("ada writes a claim's status: %v", err)
	}
}

func TestNobodyElseMakesRolesPartsOfTenants(t *testing.T) {
	t.Parallel()
	p := start(t)
	kubetest.Eventually(t, patience, "the guard is in force", func() error {
		err := p.client.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "sneaky-", Labels: map[string]string{capability.AggregateTo + "viewer": "true"},
		}}, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "Roadbed alone sets them") {
			return fmt.Errorf("create = %w", err)
		}
		return nil
	})
}

func TestAlphaIsBehindItsFlag(t *testing.T) {
	t.Parallel()
	p := start(t)
	alpha := version("v1alpha1", v1alpha1.StageAlpha, `"size":{"type":"integer"}`)
	alpha.Flag = "cache-alpha"
	flag := &v1alpha1.FeatureFlag{ObjectMeta: metav1.ObjectMeta{Name: "cache-alpha"}}
	p.ensure(t, flag)
	c := p.publish(t, "cache", alpha)
	dev, prod := p.place(t, "early", "dev"), p.place(t, "early", "prod")
	create := func(namespace string) error {
		return p.client.Create(t.Context(), claim(c, "v1alpha1", namespace, "c", map[string]any{"size": int64(1)}), client.DryRunAll)
	}
	kubetest.Eventually(t, patience, "the flag is asked for", func() error {
		if err := create(dev); err == nil || !strings.Contains(err.Error(), "roadbed flag enable cache-alpha --tenant early") {
			return fmt.Errorf("create = %w", err)
		}
		return nil
	})
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"targets":{"tenants":["early"]}}}`))
	if err := p.client.Patch(t.Context(), flag, patch); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the flag opens", func() error { return create(dev) })
	refused(t, create(prod), "not for production")
	refused(t, p.client.Delete(t.Context(), flag), "cache/v1alpha1", "DISABLED")
}

// It is not parallel, because it lets years pass.
func TestLifeCycleIsHeld(t *testing.T) {
	p := start(t)
	c := p.publish(t, "disk", version("v1", v1alpha1.StageGA, `"size":{"type":"integer","maximum":9}`))
	p.usage.use("disks", "v1", capability.Consumer{Tenant: "payments", Operation: "createDisk"})
	set := func(change func(v *v1alpha1.CapabilityVersion)) func(*v1alpha1.Capability) {
		return func(c *v1alpha1.Capability) { change(&c.Spec.Versions[0]) }
	}
	refused(t, p.change(t, c, set(func(v *v1alpha1.CapabilityVersion) { v.Stage = v1alpha1.StageBeta })), "legal: stay ga, deprecated")
	refused(t, p.change(t, c, set(func(v *v1alpha1.CapabilityVersion) {
		v.Schema.Spec.Raw = []byte(`{"type":"object","properties":{"size":{"type":"integer","maximum":3}}}`)
	})), "maximum falls from 9 to 3", "payments by createDisk")
	begun, ends := metav1.NewTime(p.clock.Now()), metav1.NewTime(p.clock.Now().Add(366*24*time.Hour))
	next := version("v2", v1alpha1.StageGA, `"size":{"type":"integer","maximum":9}`)
	deprecate := func(begun, ends metav1.Time, served *bool) error {
		return p.change(t, c, func(c *v1alpha1.Capability) {
			next.Storage, c.Spec.Versions[0].Storage = true, false
			c.Spec.Versions = append(c.Spec.Versions, next)
			v := &c.Spec.Versions[0]
			v.Stage, v.Deprecated, v.Sunset, v.Successor, v.Served = v1alpha1.StageDeprecated, &begun, &ends, "v2", served
		})
	}
	refused(t, deprecate(metav1.NewTime(begun.Add(-365*24*time.Hour)), metav1.NewTime(begun.Add(24*time.Hour)), new(false)),
		"from now on", "promised until", "payments by createDisk")
	if err := deprecate(begun, ends, nil); err != nil {
		t.Fatal(err)
	}
	p.ready(t, c)
	removed := set(func(v *v1alpha1.CapabilityVersion) { v.Stage = v1alpha1.StageRemoved })
	unserved := set(func(v *v1alpha1.CapabilityVersion) { v.Served = new(false) })
	refused(t, p.change(t, c, removed), "promised until", "payments by createDisk")
	refused(t, p.change(t, c, unserved), "promised until", "payments by createDisk")
	refused(t, p.change(t, c, set(func(v *v1alpha1.CapabilityVersion) {
		v.Sunset = new(metav1.NewTime(ends.Add(-24 * time.Hour)))
	})), "not brought forward")
	p.clock.pass(t, 367*24*time.Hour)
	refused(t, p.change(t, c, removed), "payments by createDisk")
	refused(t, p.change(t, c, unserved), "payments by createDisk")
	p.usage.leave("disks", "v1")
	if err := p.change(t, c, unserved); err != nil {
		t.Errorf("stop serving what nobody uses after its sunset: %v", err)
	}
	if err := p.change(t, c, removed); err != nil {
		t.Errorf("remove what nobody uses after its sunset: %v", err)
	}
}

func TestVersionsThatDifferAreConverted(t *testing.T) {
	t.Parallel()
	p := start(t)
	newer := version("v2", v1alpha1.StageGA, `"size":{"type":"integer"},"engine":{"type":"string"}`)
	newer.Conversions = []v1alpha1.Conversion{{From: "v1", Rules: []v1alpha1.ConversionRule{{Field: "spec.size", Expression: "self.spec.storageGB"}}}}
	older := version("v1", v1alpha1.StageGA, `"storageGB":{"type":"integer"}`)
	older.Conversions = []v1alpha1.Conversion{{From: "v2", Rules: []v1alpha1.ConversionRule{{Field: "spec.storageGB", Expression: "self.spec.size"}}}}
	c := p.publish(t, "store", newer, older)
	namespace := p.place(t, "stores", "dev")
	if err := p.client.Create(t.Context(), claim(c, "v2", namespace, "s", map[string]any{"size": int64(5), "engine": "pg17"})); err != nil {
		t.Fatal(err)
	}
	read := func(version string) *unstructured.Unstructured {
		got := claim(c, version, namespace, "s", nil)
		if err := p.client.Get(context.Background(), client.ObjectKeyFromObject(got), got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	old := read("v1")
	if size, _, _ := unstructured.NestedInt64(old.Object, "spec", "storageGB"); size != 5 {
		t.Fatalf("as v1: %v", old.Object["spec"])
	}
	if err := unstructured.SetNestedField(old.Object, int64(7), "spec", "storageGB"); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Update(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if got := read("v2").Object["spec"]; fmt.Sprint(got) != "map[engine:pg17 size:7]" {
		t.Errorf("as v2 after a change in v1: %v", got)
	}
}
