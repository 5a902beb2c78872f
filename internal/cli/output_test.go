package cli

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// exampleTenants are one tenant that is Ready, one that is refused and one that
// nobody has seen.
func exampleTenants() []*tenancyv1.Tenant {
	ready := exampleTenant("payments")
	ready.Status = tenancyv1.TenantStatus{
		Model: tenancyv1.ModelNamespace,
		Conditions: []metav1.Condition{
			state(condition.Ready, true, "Ready", ""),
			state(tenancy.ConditionAccepted, true, tenancy.ReasonAccepted, ""),
		},
		Namespaces: []tenancyv1.TenantNamespaceStatus{
			{Name: "tenant-payments-dev", Environment: "dev", Isolated: true},
			{Name: "tenant-payments-prod", Environment: "prod", Isolated: true},
		},
	}
	refused := exampleTenant("ledger")
	message := "requests.cpu: envelope 400, reserved 380 by 7 others, asked 100, over by 80"
	refused.Status = tenancyv1.TenantStatus{
		Conditions: []metav1.Condition{
			state(condition.Ready, false, tenancy.ReasonEnvelopeExceeded, message),
			state(tenancy.ConditionAccepted, true, tenancy.ReasonAccepted, ""),
			state(tenancy.ConditionReserved, false, tenancy.ReasonEnvelopeExceeded, message),
		},
	}
	return []*tenancyv1.Tenant{ready, refused, exampleTenant("unseen")}
}

func exampleTenant(name string) *tenancyv1.Tenant {
	return &tenancyv1.Tenant{
		TypeMeta:   metav1.TypeMeta{APIVersion: tenancyv1.GroupVersion.String(), Kind: "Tenant"},
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-90 * time.Minute))},
		Spec: tenancyv1.TenantSpec{
			DisplayName: "Card payments", Owner: name + "-team", BusinessUnit: "retail", Tier: "tier-1",
			Jurisdictions: []string{"uk", "eu"}, CostCenter: "cc-1042",
		},
	}
}

func state(kind string, holds bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour)),
	}
}

func exampleUnits() []*tenancyv1.BusinessUnit {
	unit := func(name, parent, envelope, reserved string) *tenancyv1.BusinessUnit {
		u := &tenancyv1.BusinessUnit{
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-48 * time.Hour))},
			Spec:       tenancyv1.BusinessUnitSpec{Parent: parent, Jurisdictions: []string{"uk"}},
			Status:     tenancyv1.BusinessUnitStatus{Reserved: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(reserved)}},
		}
		if envelope != "" {
			u.Spec.Envelope = corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(envelope)}
		}
		return u
	}
	return []*tenancyv1.BusinessUnit{
		unit("bank", "", "", "600"), unit("retail", "bank", "400", "380"), unit("cards", "retail", "100", "0"),
		unit("markets", "bank", "200", "20"), unit("orphan", "elsewhere", "10", "0"),
		unit("hen", "egg", "1", "0"), unit("egg", "hen", "1", "0"),
	}
}

func TestListsAreGolden(t *testing.T) {
	t.Parallel()
	for _, chosen := range listOutput().allowed {
		t.Run(string(chosen), func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			p := &program{Env: s.Env}
			out := &output{chosen: chosen}
			tenants := p.tenants()
			if err := tenants.print(&s.out, out, tenants.sorted(exampleTenants()), false); err != nil {
				t.Fatal(err)
			}
			units := p.units()
			if err := units.print(&s.out, out, units.sorted(exampleUnits()[:2]), false); err != nil {
				t.Fatal(err)
			}
			tiers := p.tiers()
			if err := tiers.print(&s.out, out, tiers.sorted(tenancy.Tiers())[:1], true); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/output/list-"+string(chosen)+".golden", s.out.Bytes())
		})
	}
}

func TestTreeLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	p := &program{Env: s.Env}
	if err := printTree(&s.out, p.units().sorted(exampleUnits())); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/output/tree.golden", s.out.Bytes())
}

func TestConditionsSayTheNextStep(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	p := &program{Env: s.Env}
	text := &sheet{w: &s.out}
	for _, tenant := range exampleTenants() {
		text.printf("%s", tenant.Name)
		text.conditions(p, tenant.Status.Conditions)
		text.section("Namespaces", []string{"NAME", "ENVIRONMENT", "ISOLATED", "MISSING"}, namespaceRows(tenant))
		text.printf("\n")
	}
	if text.err != nil {
		t.Fatal(text.err)
	}
	golden.Check(t, "testdata/output/conditions.golden", s.out.Bytes())
}

func TestColorOnlyWhereWanted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		color bool
		want  string
	}{{true, "\x1b[31mno\x1b[0m\n"}, {false, "no\n"}} {
		p := &program{Env: Env{Color: test.color}}
		if got := p.paint(red, "no\n"); got != test.want {
			t.Errorf("color %t: %q, want %q", test.color, got, test.want)
		}
	}
}

func TestFindingsAreGolden(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	p := &program{Env: s.Env}
	findings := []finding{
		ok("RBAC", "in use"),
		warn("default StorageClass", "none among 2 classes", "annotate one"),
		fail("tiers", "none, so no tenant can name one", toInstall),
		undecided("Pod Security admission", errNoCluster),
	}
	if err := p.printFindings(findings); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/output/doctor.golden", s.out.Bytes())
	if err := failures(findings); err == nil || err.Error() != "1 check of 4 failed" {
		t.Errorf("failures: %v", err)
	}
	if err := failures(findings[:2]); err != nil {
		t.Errorf("a warning failed the examination: %v", err)
	}
}
