package tenancy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

func TestSharedName(t *testing.T) {
	t.Parallel()
	if got := SharedName("sandbox", "retail"); got != "shared-sandbox-retail" {
		t.Errorf("got %q", got)
	}
	long := strings.Repeat("x", 40)
	if a, b := SharedName(strings.Repeat("t", 20), long), SharedName(strings.Repeat("t", 20), long[:39]+"y"); a == b {
		t.Errorf("two business units share %q", a)
	}
	rapid.Check(t, func(t *rapid.T) {
		tier := rapid.StringMatching(`[a-z]([-a-z0-9]{0,18}[a-z0-9])?`).Draw(t, "tier")
		unit := rapid.StringMatching(`[a-z]([-a-z0-9]{0,38}[a-z0-9])?`).Draw(t, "unit")
		if errs := validation.IsDNS1123Label(SharedNamespace(tier, unit)); len(errs) > 0 {
			t.Fatalf("%q: %v", SharedNamespace(tier, unit), errs)
		}
	})
}

func TestPlacesFit(t *testing.T) {
	t.Parallel()
	longest := &v1alpha1.Tenant{}
	longest.Name = strings.Repeat("a", 40)
	longest.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: strings.Repeat("b", 15)}}
	if got := Places(longest)[0].Namespace; len(validation.IsDNS1123Label(got)) > 0 {
		t.Errorf("%q is no namespace name", got)
	}
}

func TestAnnouncedModels(t *testing.T) {
	t.Parallel()
	tier := Tiers()[1]
	tier.Spec.Isolation.Allowed = append(tier.Spec.Isolation.Allowed, v1alpha1.ModelVirtualCluster)
	unit := &v1alpha1.BusinessUnit{}
	unit.Name, unit.Spec.Jurisdictions = "retail", []string{"uk"}
	tenant := &v1alpha1.Tenant{Spec: v1alpha1.TenantSpec{
		Owner: "a", BusinessUnit: "retail", Tier: tier.Name, Jurisdictions: []string{"uk"}, CostCenter: "cc",
		Model: v1alpha1.ModelVirtualCluster,
	}}
	tenant.Name = "a"
	w := World{Tiers: byName([]*v1alpha1.Tier{tier}), Units: byName([]*v1alpha1.BusinessUnit{unit}), Settings: DefaultSettings()}
	if errs := Validate(tenant, w); len(errs) != 1 || ReasonFor(errs[0]) != ReasonModelNotAllowed {
		t.Errorf("gate off: %v", errs)
	}
	w.Settings.Models = []v1alpha1.IsolationModel{v1alpha1.ModelVirtualCluster}
	if errs := Validate(tenant, w); len(errs) != 1 || ReasonFor(errs[0]) != ReasonNotYetAvailable {
		t.Errorf("gate on: %v", errs)
	}
	if objects, err := Plan(tenant, w); err == nil {
		t.Errorf("planned %d objects of a model that does not exist", len(objects))
	}
}

func TestEgressHoles(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	settings.ClusterCIDRs = []string{"10.42.0.0/16", "10.43.0.0/16"}
	for _, tt := range []struct {
		cidr   string
		want   []string
		reason string
	}{
		{"203.0.113.0/24", nil, "nothing closed in it"},
		{"10.0.0.0/8", []string{"10.42.0.0/16", "10.43.0.0/16"}, "pods and services are no way around policies"},
		{"0.0.0.0/0", []string{"10.42.0.0/16", "10.43.0.0/16", "169.254.0.0/16"}, "everything"},
		{"10.42.0.0/16", nil, "an exception must be smaller than the range; Validate refuses this one"},
	} {
		got := declaredEgress(v1alpha1.TenantNetwork{EgressCIDRs: []v1alpha1.CIDRPeer{{CIDR: tt.cidr}}}, settings)
		want := []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: tt.cidr, Except: tt.want}}}
		if diff := cmp.Diff(want, got[0].To); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tt.cidr, tt.reason, diff)
		}
	}
	tenant := &v1alpha1.Tenant{}
	tenant.Spec.Network.EgressCIDRs = []v1alpha1.CIDRPeer{{CIDR: "10.42.7.0/24"}}
	if errs := validateEgress(tenant, Tiers()[0], settings); len(errs) != 1 || ReasonFor(errs[0]) != ReasonInvalidPeer {
		t.Errorf("a range of pods: %v", errs)
	}
}

func TestShippedTiersAreValid(t *testing.T) {
	t.Parallel()
	for _, tier := range Tiers() {
		for _, err := range ValidateTier(tier) {
			t.Errorf("%s: %v", tier.Name, err)
		}
	}
}

// TestPlansShareNothing changes one object of a plan: no other may change.
func TestPlansShareNothing(t *testing.T) {
	t.Parallel()
	tenant := object[v1alpha1.Tenant](t, string(readFile(t, paymentsExample+"tenant.yaml")))
	objects, err := Plan(tenant, World{Tiers: byName(Tiers()), Settings: DefaultSettings()})
	must(t, err)
	for i, changed := range objects {
		changed.GetLabels()["changed"] = "yes"
		for j, other := range objects {
			if i != j && other.GetLabels()["changed"] != "" {
				t.Errorf("object %d changed with object %d", j, i)
			}
		}
		delete(changed.GetLabels(), "changed")
	}
}
