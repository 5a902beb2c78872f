package operator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// offboard asks for the procedure and confirms it.
func (p *platform) offboard(t *testing.T, name string, change ...func(*v1alpha1.Tenant)) {
	t.Helper()
	p.update(t, name, func(tenant *v1alpha1.Tenant) {
		tenant.Spec.Lifecycle.State, tenant.Spec.Lifecycle.Confirm = v1alpha1.LifecycleOffboarding, name
		for _, c := range change {
			c(tenant)
		}
	})
}

// step is what came of one step of the procedure.
func step(tenant *v1alpha1.Tenant, name string) v1alpha1.OffboardingStep {
	if tenant.Status.Offboarding != nil {
		for _, s := range tenant.Status.Offboarding.Steps {
			if s.Name == name {
				return s
			}
		}
	}
	return v1alpha1.OffboardingStep{}
}

// workload runs two pods in the namespace.
func workload(namespace string) *appsv1.Deployment {
	labels := map[string]string{"app": "shop"}
	return &appsv1.Deployment{ObjectMeta: at(namespace, "shop"), Spec: appsv1.DeploymentSpec{
		Replicas: new(int32(2)),
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{
				SecurityContext: &corev1.PodSecurityContext{
					RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
				Containers: []corev1.Container{{Name: "shop", Image: "registry.example/shop:1", SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}}},
			},
		},
	}}
}

func TestOffboardingWholeWay(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "leave")
	p.tenant(t, "leave-a", "leave", environments("dev", "prod"), cpu("10"))
	p.ready(t, "leave-a")
	p.create(t, workload("tenant-leave-a-prod"))
	p.create(t, &corev1.Secret{ObjectMeta: at("tenant-leave-a-prod", "token"), StringData: map[string]string{"key": "hunter2"}})
	p.create(t, &corev1.PersistentVolume{ObjectMeta: at("", "leave-a-volume"), Spec: corev1.PersistentVolumeSpec{
		Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp"}},
		ClaimRef:                      &corev1.ObjectReference{Namespace: "tenant-leave-a-prod", Name: "data"},
	}})
	kubetest.Eventually(t, patience, "pods are there", func() error {
		var pods corev1.PodList
		if err := p.client.List(t.Context(), &pods, client.InNamespace("tenant-leave-a-prod")); err != nil {
			return err
		}
		if len(pods.Items) != 2 {
			return fmt.Errorf("there are %d pods", len(pods.Items))
		}
		return nil
	})

	p.offboard(t, "leave-a", func(t *v1alpha1.Tenant) { t.Spec.Lifecycle.LegalHold = "case 4711" })
	held := p.awaits(t, "leave-a", tenancy.ConditionOffboarded, metav1.ConditionFalse, tenancy.ReasonLegalHold)
	if got := step(held, "LegalHold"); got.State != "Blocked" || !strings.Contains(got.Message, "case 4711") {
		t.Errorf("legal hold: %+v", got)
	}
	p.exportIsComplete(t, "leave-a")
	var ns corev1.Namespace
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-leave-a-prod"}, &ns); err != nil {
		t.Fatal(err)
	}
	if ns.Annotations[v1alpha1.AnnotationCordoned] != "true" || ns.DeletionTimestamp != nil {
		t.Errorf("namespace under legal hold: %+v", ns.ObjectMeta)
	}

	p.restart(t)
	p.update(t, "leave-a", func(t *v1alpha1.Tenant) { t.Spec.Lifecycle.LegalHold = "" })
	kubetest.Eventually(t, 3*patience, "the tenant is offboarded", func() error {
		now := p.read(t, "leave-a")
		if !condition.IsTrue(now.Status.Conditions, tenancy.ConditionOffboarded) {
			return fmt.Errorf("offboarding %+v", now.Status.Offboarding)
		}
		return nil
	})
	p.leftAsRecord(t, "leave-a", "leave")
}

// exportIsComplete checks what was written before anything was deleted.
func (p *platform) exportIsComplete(t *testing.T, tenant string) {
	t.Helper()
	found := map[string]*unstructured.Unstructured{}
	for _, object := range p.exports.of(tenant) {
		found[object.GetKind()+"/"+object.GetName()] = object
	}
	for _, want := range []string{"Tenant/" + tenant, "Namespace/tenant-" + tenant + "-prod", "Deployment/shop", "ResourceQuota/tenant-" + tenant + "-dev-quota", "Secret/token"} {
		if found[want] == nil {
			t.Errorf("the export lacks %s; it has %v", want, sortedKeys(found))
		}
	}
	if secret := found["Secret/token"]; secret != nil {
		if text := fmt.Sprint(secret.Object); strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg==") || !strings.Contains(text, "key") {
			t.Errorf("the Secret's value was exported, or its key was not: %s", text)
		}
	}
}

// leftAsRecord checks what is left of an offboarded tenant.
func (p *platform) leftAsRecord(t *testing.T, name, unit string) {
	t.Helper()
	tenant := p.awaits(t, name, condition.Ready, metav1.ConditionFalse, tenancy.ReasonOffboarded)
	var order []string
	for _, s := range tenant.Status.Offboarding.Steps {
		if s.State != "Done" || s.Finished == nil {
			t.Errorf("step %+v", s)
		}
		order = append(order, s.Name)
	}
	if got := strings.Join(order, " "); got != "Cordon Export LegalHold Drain Delete Residue" {
		t.Errorf("steps %s", got)
	}
	for _, ns := range tenant.Status.Namespaces {
		if ns.Isolated || !strings.Contains(ns.Message, "deleted") {
			t.Errorf("of a namespace that is gone the status says %+v", ns)
		}
	}
	if residue := strings.Join(tenant.Status.Offboarding.Residue, "\n"); !strings.Contains(residue, "leave-a-volume") {
		t.Errorf("residue %q", residue)
	}
	for _, env := range []string{"dev", "prod"} {
		if err := p.gone(t, &corev1.Namespace{ObjectMeta: at("", "tenant-"+name+"-"+env)}); err != nil {
			t.Error(err)
		}
	}
	if held := p.reservations(t, unit); len(held) > 0 {
		t.Errorf("the envelope still holds %v", held)
	}
	actions := strings.Join(p.trail.Actions("Tenant", name), " ")
	for _, want := range []string{"cordon", "export", "legalhold", "drain", "delete", "residue"} {
		if !strings.Contains(actions, "tenancy.tenant.offboard."+want) {
			t.Errorf("%s is not on the trail: %s", want, actions)
		}
	}
	p.keepsWhatWas(t, "tenancy.namespace.delete", "tenant-"+name+"-dev")
}

// keepsWhatWas wants the trail to hold the hash of what an action ended.
func (p *platform) keepsWhatWas(t *testing.T, action, name string) {
	t.Helper()
	records := p.trail.Of(func(r trail.Record) bool { return r.Action == action && r.Object.Name == name })
	if len(records) == 0 || !strings.HasPrefix(records[0].Before, "sha256:") {
		t.Errorf("the trail has %+v of %s, want what it was before %s", records, name, action)
	}
}

// A wrong confirmation begins nothing.
func TestOffboardingNeedsConfirmation(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "confirm")
	p.tenant(t, "confirm-a", "confirm")
	p.ready(t, "confirm-a")
	p.offboard(t, "confirm-a", func(t *v1alpha1.Tenant) { t.Spec.Lifecycle.Confirm = "confirm-b" })
	tenant := p.awaits(t, "confirm-a", tenancy.ConditionAccepted, metav1.ConditionFalse, tenancy.ReasonInvalidSpec)
	if tenant.Status.Offboarding != nil {
		t.Errorf("offboarding began: %+v", tenant.Status.Offboarding)
	}
}

// What holds a namespace is named with its owner, and the tenant's people keep
// their access to it until the end.
func TestStuckFinalizerIsNamed(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "stuck")
	p.tenant(t, "stuck-a", "stuck")
	p.ready(t, "stuck-a")
	holder := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: "tenant-stuck-a", Name: "held", Finalizers: []string{"example.com/hold"},
	}}
	if err := p.client.Create(t.Context(), holder, client.FieldOwner("example-operator")); err != nil {
		t.Fatal(err)
	}
	p.offboard(t, "stuck-a")
	// Kubernetes waits 5s before it begins to empty a namespace; from then on
	// the object is stuck.
	kubetest.Eventually(t, 2*patience, "the object is to be deleted", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(holder), holder); err != nil {
			return err
		}
		if holder.DeletionTimestamp == nil {
			return errors.New("not yet")
		}
		return nil
	})
	kubetest.Eventually(t, 5*time.Second, "the finalizer is named", func() error {
		tenant := p.read(t, "stuck-a")
		c := condition.Get(tenant.Status.Conditions, condition.Ready)
		if c.Reason != tenancy.ReasonStuckFinalizer {
			return fmt.Errorf("%+v", tenant.Status.Offboarding)
		}
		for _, want := range []string{"configmaps/held", "example.com/hold", "example-operator"} {
			if !strings.Contains(c.Message, want) {
				return fmt.Errorf("%q does not say %q", c.Message, want)
			}
		}
		return nil
	})
	people := p.env.ClientAs(t, "someone", "corp:stuck-a-admins")
	kubetest.Eventually(t, patience, "the tenant's admin frees it", func() error {
		var now corev1.ConfigMap
		if err := people.Get(t.Context(), client.ObjectKeyFromObject(holder), &now); err != nil {
			return err
		}
		now.Finalizers = nil
		return people.Update(t.Context(), &now)
	})
	kubetest.Eventually(t, 2*patience, "the tenant is offboarded", func() error {
		if tenant := p.read(t, "stuck-a"); !condition.IsTrue(tenant.Status.Conditions, tenancy.ConditionOffboarded) {
			return fmt.Errorf("%+v", tenant.Status.Offboarding)
		}
		return nil
	})
}

// A namespace that somebody deletes by force comes back, and meanwhile what
// holds it is told.
func TestDeletedNamespaceComesBack(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "force")
	p.tenant(t, "force-a", "force")
	p.ready(t, "force-a")
	var ns corev1.Namespace
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-force-a"}, &ns); err != nil {
		t.Fatal(err)
	}
	old := ns.UID
	if err := p.client.Delete(t.Context(), &ns); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, 2*patience, "the namespace is made again", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-force-a"}, &ns); err != nil {
			return err
		}
		if ns.UID == old {
			return errors.New("it is the old one")
		}
		return p.isolatedNamespace(t, "tenant-force-a")
	})
	p.ready(t, "force-a")
}

// Whoever changes his mind before anything was deleted keeps the tenant.
func TestOffboardingCanBeCalledOff(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "off")
	p.tenant(t, "off-a", "off")
	p.ready(t, "off-a")
	p.offboard(t, "off-a", func(t *v1alpha1.Tenant) { t.Spec.Lifecycle.LegalHold = "wait" })
	p.awaits(t, "off-a", tenancy.ConditionOffboarded, metav1.ConditionFalse, tenancy.ReasonLegalHold)
	p.update(t, "off-a", func(t *v1alpha1.Tenant) { t.Spec.Lifecycle = v1alpha1.TenantLifecycle{State: v1alpha1.LifecycleActive} })
	tenant := p.ready(t, "off-a")
	if tenant.Status.Offboarding != nil || condition.Get(tenant.Status.Conditions, tenancy.ConditionOffboarded) != nil {
		t.Errorf("status %+v", tenant.Status)
	}
	var ns corev1.Namespace
	kubetest.Eventually(t, patience, "the namespace is open again", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-off-a"}, &ns); err != nil {
			return err
		}
		if ns.Annotations[v1alpha1.AnnotationCordoned] == "true" {
			return errors.New("it is still cordoned")
		}
		return nil
	})
}
