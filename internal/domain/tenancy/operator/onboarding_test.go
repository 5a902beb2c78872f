package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestTenantBecomesReady(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "onboard")
	p.tenant(t, "onboard-a", "onboard", environments("dev", "prod"))
	tenant := p.ready(t, "onboard-a")
	for _, name := range []string{"tenant-onboard-a-dev", "tenant-onboard-a-prod"} {
		if err := p.isolatedNamespace(t, name); err != nil {
			t.Error(err)
		}
	}
	if got := tenant.Status.Namespaces; len(got) != 2 || !got[0].Isolated || got[0].Environment != "dev" {
		t.Errorf("namespaces in status: %+v", got)
	}
	actions := strings.Join(p.trail.Actions("Tenant", "onboard-a"), " ")
	if !strings.HasPrefix(actions, "tenancy.tenant.provision tenancy.namespace.open") {
		t.Errorf("trail: %s", actions)
	}
	if condition.Get(tenant.Status.Conditions, tenancy.ConditionOffboarded) != nil {
		t.Error("a tenant that stays must not have the condition Offboarded")
	}
}

// A gate is opened only when Kubernetes enforces every amount of the quota.
func TestIsolationWaitsForLiveQuotas(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "gate")
	p.tenant(t, "gate-a", "gate")
	p.ready(t, "gate-a")
	var quota corev1.ResourceQuota
	key := client.ObjectKey{Namespace: "tenant-gate-a", Name: "tenant-gate-a-quota"}
	if err := p.client.Get(t.Context(), key, &quota); err != nil {
		t.Fatal(err)
	}
	for name := range quota.Spec.Hard {
		if _, live := quota.Status.Hard[name]; !live {
			t.Errorf("the gate is open while the quota does not enforce %s", name)
		}
	}
	// Without the status nothing is enforced: the gate closes, and opens again
	// once it is filled.
	enforced := quota.Status
	quota.Status = corev1.ResourceQuotaStatus{}
	if err := p.client.Status().Update(t.Context(), &quota); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the gate is closed", func() error {
		if p.isolatedNamespace(t, "tenant-gate-a") == nil {
			return errors.New("it is open")
		}
		return nil
	})
	if actions := p.trail.Actions("Tenant", "gate-a"); !slices.Contains(actions, "tenancy.namespace.close") {
		t.Errorf("the trail does not say so: %v", actions)
	}
	kubetest.Eventually(t, patience, "the quota is enforced again", func() error {
		if err := p.client.Get(t.Context(), key, &quota); err != nil {
			return err
		}
		quota.Status = enforced
		return p.client.Status().Update(t.Context(), &quota)
	})
	kubetest.Eventually(t, patience, "the gate is open again", func() error { return p.isolatedNamespace(t, "tenant-gate-a") })
}

func TestWrongTenantsAreBlocked(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "strict", func(u *v1alpha1.BusinessUnit) {
		u.Spec.Tiers = []string{"tier-1", "tier-2", "sandbox"}
		u.Spec.CostCenters = []string{"CC-1"}
		u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("100")
	})
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-strict-taken"}})
	for _, row := range []struct {
		name   string
		reason string
		kind   string
		field  string
		change func(*v1alpha1.Tenant)
	}{
		{"tier", tenancy.ReasonUnknownTier, "", "spec.tier", func(t *v1alpha1.Tenant) { t.Spec.Tier = "tier-9" }},
		{"unit", tenancy.ReasonUnknownBusinessUnit, "", "spec.businessUnit", func(t *v1alpha1.Tenant) { t.Spec.BusinessUnit = "nobody" }},
		{"closed-tier", tenancy.ReasonTierNotAllowed, "", "spec.tier", func(t *v1alpha1.Tenant) { t.Spec.Tier = "tier-3" }},
		{"place", tenancy.ReasonJurisdictionNotAllowed, "", "spec.jurisdictions", func(t *v1alpha1.Tenant) { t.Spec.Jurisdictions = []string{"us"} }},
		{"cost", tenancy.ReasonCostCenterNotAllowed, "", "spec.costCenter", func(t *v1alpha1.Tenant) { t.Spec.CostCenter = "CC-9" }},
		{"model", tenancy.ReasonModelNotAllowed, "", "spec.model", func(t *v1alpha1.Tenant) { t.Spec.Model = v1alpha1.ModelSharedNamespace }},
		{"quota", tenancy.ReasonInvalidQuota, "", "spec.quota", func(t *v1alpha1.Tenant) {
			t.Spec.Quota = corev1.ResourceList{"bananas": resource.MustParse("1")}
		}},
		{"taken", tenancy.ReasonNamespaceTaken, "", "metadata.name", func(*v1alpha1.Tenant) {}},
		{"over", tenancy.ReasonEnvelopeExceeded, tenancy.ConditionReserved, "requests.cpu: envelope 100, reserved 0 by 0 others, asked 101, over by 1", cpu("101")},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			name := "strict-" + row.name
			p.tenant(t, name, "strict", row.change)
			kind := row.kind
			if kind == "" {
				kind = tenancy.ConditionAccepted
			}
			tenant := p.awaits(t, name, kind, metav1.ConditionFalse, row.reason)
			if message := condition.Get(tenant.Status.Conditions, condition.Ready).Message; !strings.Contains(message, row.field) {
				t.Errorf("message %q does not say %q", message, row.field)
			}
			var ns corev1.Namespace
			err := p.client.Get(t.Context(), client.ObjectKey{Name: "tenant-" + name}, &ns)
			if row.name != "taken" && err == nil {
				t.Error("something was applied nevertheless")
			}
			if len(ns.Labels[v1alpha1.LabelTenant]) > 0 {
				t.Error("the namespace was taken over")
			}
		})
	}
}

// Fifty tenants want a fifth of an envelope that is worth ten of them.
func TestNoOvershootUnderParallelCreators(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "crowd", func(u *v1alpha1.BusinessUnit) {
		u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("100")
	})
	const creators = 50
	var all sync.WaitGroup
	for i := range creators {
		all.Go(func() { p.tenant(t, fmt.Sprintf("crowd-%02d", i), "crowd", cpu("10")) })
	}
	all.Wait()
	kubetest.Eventually(t, 2*patience, "every tenant is decided", func() error {
		ready, refused := p.decided(t, "crowd")
		if ready+refused != creators {
			return fmt.Errorf("%d ready, %d refused", ready, refused)
		}
		return nil
	})
	if ready, refused := p.decided(t, "crowd"); ready != 10 || refused != 40 {
		t.Errorf("%d ready and %d refused, want 10 and 40", ready, refused)
	}
	if held := len(p.reservations(t, "crowd")); held != 10 {
		t.Errorf("%d reservations, want 10", held)
	}
	// Room that somebody gives back goes to one who waits.
	for _, name := range sortedKeys(p.reservations(t, "crowd"))[:1] {
		p.update(t, name, func(t *v1alpha1.Tenant) { t.Spec.Quota[corev1.ResourceRequestsCPU] = resource.MustParse("0") })
	}
	kubetest.Eventually(t, patience, "one more tenant is ready", func() error {
		if ready, _ := p.decided(t, "crowd"); ready != 11 {
			return fmt.Errorf("%d are ready", ready)
		}
		return nil
	})
}

// decided counts the unit's tenants that are ready or were refused.
func (p *platform) decided(t *testing.T, unit string) (ready, refused int) {
	t.Helper()
	var list v1alpha1.TenantList
	if err := p.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].Spec.BusinessUnit != unit {
			continue
		}
		c := condition.Get(list.Items[i].Status.Conditions, condition.Ready)
		switch {
		case c == nil || c.ObservedGeneration != list.Items[i].Generation:
		case c.Status == metav1.ConditionTrue:
			ready++
		case c.Reason == tenancy.ReasonEnvelopeExceeded:
			refused++
		}
	}
	return ready, refused
}

// A child's envelope is taken from its parent's, and a tenant cannot use more
// than that whatever the child's own spec says.
func TestEnvelopesNest(t *testing.T) {
	t.Parallel()
	p := start(t)
	cores := func(amount string) func(*v1alpha1.BusinessUnit) {
		return func(u *v1alpha1.BusinessUnit) {
			u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse(amount)
		}
	}
	p.unit(t, "nest", cores("100"))
	p.unit(t, "nest-a", cores("60"), func(u *v1alpha1.BusinessUnit) { u.Spec.Parent = "nest" })
	p.unit(t, "nest-b", cores("60"), func(u *v1alpha1.BusinessUnit) { u.Spec.Parent = "nest" })
	kubetest.Eventually(t, patience, "one of the children is refused", func() error {
		var refused, held int
		for _, name := range []string{"nest-a", "nest-b"} {
			var u v1alpha1.BusinessUnit
			if err := p.client.Get(t.Context(), client.ObjectKey{Name: name}, &u); err != nil {
				return err
			}
			switch c := condition.Get(u.Status.Conditions, tenancy.ConditionReserved); {
			case c == nil:
			case c.Status == metav1.ConditionTrue:
				held++
			case c.Reason == tenancy.ReasonEnvelopeExceeded:
				refused++
			}
		}
		if held != 1 || refused != 1 {
			return fmt.Errorf("%d hold an envelope, %d are refused", held, refused)
		}
		return nil
	})
	loser := "nest-a"
	if _, ok := p.reservations(t, "nest")["nest-a"]; ok {
		loser = "nest-b"
	}
	p.tenant(t, "nest-tenant", loser, cpu("10"))
	p.awaits(t, "nest-tenant", tenancy.ConditionReserved, metav1.ConditionFalse, tenancy.ReasonEnvelopePending)
	kubetest.Eventually(t, patience, "the envelope is lowered", func() error {
		var u v1alpha1.BusinessUnit
		if err := p.client.Get(t.Context(), client.ObjectKey{Name: loser}, &u); err != nil {
			return err
		}
		u.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("40")
		return p.client.Update(t.Context(), &u)
	})
	p.ready(t, "nest-tenant")
}

// A share that is granted far up wakes everybody below: those in between hold
// theirs already and have nothing to say.
func TestEnvelopesReachTheLeaves(t *testing.T) {
	t.Parallel()
	p := start(t)
	under := func(parent, cores string) func(*v1alpha1.BusinessUnit) {
		return func(u *v1alpha1.BusinessUnit) {
			u.Spec.Parent = parent
			u.Spec.Envelope = corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(cores)}
		}
	}
	p.unit(t, "reach-top", under("", "10"))
	p.unit(t, "reach-mid", under("reach-top", "40"))
	p.unit(t, "reach-low", under("reach-mid", "30"))
	p.unit(t, "reach-leaf", under("reach-low", "20"))
	p.tenant(t, "reach-a", "reach-leaf", cpu("5"))
	p.awaits(t, "reach-a", tenancy.ConditionReserved, metav1.ConditionFalse, tenancy.ReasonEnvelopePending)
	top := &v1alpha1.BusinessUnit{}
	if err := p.env.Client.Get(t.Context(), client.ObjectKey{Name: "reach-top"}, top); err != nil {
		t.Fatal(err)
	}
	before := top.DeepCopy()
	top.Spec.Envelope[corev1.ResourceRequestsCPU] = resource.MustParse("100")
	if err := p.env.Client.Patch(t.Context(), top, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	p.ready(t, "reach-a")
}

func TestTierEditReachesItsTenants(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "edit")
	var tier v1alpha1.Tier
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: "tier-2"}, &tier); err != nil {
		t.Fatal(err)
	}
	own := &v1alpha1.Tier{ObjectMeta: metav1.ObjectMeta{Name: "edited"}, Spec: *tier.Spec.DeepCopy()}
	p.create(t, own)
	p.tenant(t, "edit-a", "edit", func(t *v1alpha1.Tenant) { t.Spec.Tier = "edited" })
	p.ready(t, "edit-a")
	kubetest.Eventually(t, patience, "the tier is edited", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(own), own); err != nil {
			return err
		}
		own.Spec.Quota[corev1.ResourceRequestsCPU] = resource.MustParse("77")
		return p.client.Update(t.Context(), own)
	})
	kubetest.Eventually(t, patience, "the quota follows and the envelope too", func() error {
		var quota corev1.ResourceQuota
		key := client.ObjectKey{Namespace: "tenant-edit-a", Name: "tenant-edit-a-quota"}
		if err := p.client.Get(t.Context(), key, &quota); err != nil {
			return err
		}
		got := quota.Status.Hard[corev1.ResourceRequestsCPU]
		if held := p.reservations(t, "edit")["edit-a"]; got.String() != "77" || held != "77" {
			return fmt.Errorf("the quota enforces %s, the envelope holds %s", got.String(), held)
		}
		return nil
	})
	p.ready(t, "edit-a")
}

// An admin of a business unit onboards inside it, and has no rights elsewhere.
// Which unit, admission asks the authorizer: see the folder guards.
func TestUnitAdminsOnboard(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "deleg", func(u *v1alpha1.BusinessUnit) {
		u.Spec.Admins = []v1alpha1.Subject{{Kind: "User", Name: "ada"}}
	})
	p.unit(t, "deleg-other")
	ada := p.env.ClientAs(t, "ada")
	kubetest.Eventually(t, patience, "ada may onboard", func() error {
		err := ada.Create(t.Context(), newTenant("deleg-a", "deleg"))
		return client.IgnoreAlreadyExists(err)
	})
	p.ready(t, "deleg-a")
	kubetest.Eventually(t, patience, "ada may onboard into her unit", func() error {
		if !p.may(t, "ada", tenancy.VerbOnboard, "businessunits", "deleg") {
			return errors.New("she may not")
		}
		return nil
	})
	if p.may(t, "ada", tenancy.VerbOnboard, "businessunits", "deleg-other") {
		t.Error("ada may onboard into another unit")
	}
	if p.may(t, "ada", "update", "tiers", "tier-2") {
		t.Error("ada may change tiers")
	}
}

// Whoever is no longer an admin of the unit loses the right at once.
func TestUnitAdminsAreWithdrawn(t *testing.T) {
	t.Parallel()
	p := start(t)
	unit := p.unit(t, "withdraw", func(u *v1alpha1.BusinessUnit) {
		u.Spec.Admins = []v1alpha1.Subject{{Kind: "User", Name: "bob"}}
	})
	kubetest.Eventually(t, patience, "bob may onboard", func() error {
		if !p.may(t, "bob", tenancy.VerbOnboard, "businessunits", "withdraw") {
			return errors.New("not yet")
		}
		return nil
	})
	kubetest.Eventually(t, patience, "bob is withdrawn", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(unit), unit); err != nil {
			return err
		}
		unit.Spec.Admins = nil
		return p.client.Update(t.Context(), unit)
	})
	kubetest.Eventually(t, patience, "bob may not onboard", func() error {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "roadbed:bu:withdraw"}}
		if err := p.gone(t, binding); err != nil {
			return err
		}
		if p.may(t, "bob", tenancy.VerbOnboard, "businessunits", "withdraw") {
			return errors.New("still")
		}
		return nil
	})
}
