package corpbank_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/corpbank"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

var examples = os.DirFS("../../../../examples")

// bank is the bank's objects by kind and name.
type bank struct {
	tiers   map[string]*v1alpha1.Tier
	units   map[string]*v1alpha1.BusinessUnit
	tenants map[string]*v1alpha1.Tenant
}

func byKind(objects []client.Object) bank {
	b := bank{map[string]*v1alpha1.Tier{}, map[string]*v1alpha1.BusinessUnit{}, map[string]*v1alpha1.Tenant{}}
	for _, tier := range tenancy.Tiers() {
		b.tiers[tier.Name] = tier
	}
	for _, object := range objects {
		switch object := object.(type) {
		case *v1alpha1.Tier:
			b.tiers[object.Name] = object
		case *v1alpha1.BusinessUnit:
			b.units[object.Name] = object
		case *v1alpha1.Tenant:
			b.tenants[object.Name] = object
		}
	}
	return b
}

func load(t *testing.T, tenants int) bank {
	t.Helper()
	objects, err := corpbank.Objects(examples, tenants)
	if err != nil {
		t.Fatal(err)
	}
	return byKind(objects)
}

func TestSize(t *testing.T) {
	t.Parallel()
	b := load(t, 500)
	jurisdictions, namespaces, models := map[string]bool{}, map[string]bool{}, map[v1alpha1.IsolationModel]int{}
	for _, tenant := range b.tenants {
		for _, place := range tenant.Spec.Jurisdictions {
			jurisdictions[place] = true
		}
		tier := b.tiers[tenant.Spec.Tier]
		model := tenancy.Model(tenant, tier)
		models[model]++
		if model == v1alpha1.ModelSharedNamespace {
			namespaces[tenancy.SharedNamespace(tier.Name, tenant.Spec.BusinessUnit)] = true
			continue
		}
		for _, place := range tenancy.Places(tenant) {
			namespaces[place.Namespace] = true
		}
	}
	if len(b.tenants) != 500 || len(b.units) != 20 || len(jurisdictions) != 7 || len(namespaces) < 1050 {
		t.Errorf("%d tenants, %d business units, %d jurisdictions, %d namespaces; want 500, 20, 7, at least 1050",
			len(b.tenants), len(b.units), len(jurisdictions), len(namespaces))
	}
	if models[v1alpha1.ModelNamespace] == 0 || models[v1alpha1.ModelSharedNamespace] < 30 || len(models) != 2 {
		t.Errorf("models %v, want both that exist, and no other", models)
	}
}

// TestEverythingIsValid judges every object in the finished bank.
func TestEverythingIsValid(t *testing.T) {
	t.Parallel()
	b := load(t, 500)
	owners := map[string]string{}
	for _, tenant := range b.tenants {
		if tenancy.Model(tenant, b.tiers[tenant.Spec.Tier]) != v1alpha1.ModelNamespace {
			continue
		}
		for _, place := range tenancy.Places(tenant) {
			if other, taken := owners[place.Namespace]; taken {
				t.Errorf("%s and %s both have %s", other, tenant.Name, place.Namespace)
			}
			owners[place.Namespace] = tenant.Name
		}
	}
	w := tenancy.World{Tiers: b.tiers, Units: b.units, Settings: tenancy.DefaultSettings()}
	w.Owner = func(namespace string) (string, bool) { owner, ok := owners[namespace]; return owner, ok }
	for _, tier := range b.tiers {
		for _, err := range tenancy.ValidateTier(tier) {
			t.Errorf("tier %s: %v", tier.Name, err)
		}
	}
	for _, unit := range b.units {
		for _, err := range tenancy.ValidateUnit(unit, w) {
			t.Errorf("business unit %s: %v", unit.Name, err)
		}
	}
	for _, tenant := range b.tenants {
		for _, err := range tenancy.Validate(tenant, w) {
			t.Errorf("tenant %s: %v", tenant.Name, err)
		}
		if _, err := tenancy.Plan(tenant, w); err != nil {
			t.Error(err)
		}
	}
}

// TestEnvelopesHold adds everything up without the code that reserves.
func TestEnvelopesHold(t *testing.T) {
	t.Parallel()
	b := load(t, 500)
	used := map[string]corev1.ResourceList{}
	for _, tenant := range b.tenants {
		unit := tenant.Spec.BusinessUnit
		used[unit] = quota.Sum(used[unit], quota.Effective(tenant, b.tiers[tenant.Spec.Tier]))
	}
	for _, unit := range b.units {
		used[unit.Spec.Parent] = quota.Sum(used[unit.Spec.Parent], unit.Spec.Envelope)
	}
	for _, unit := range b.units {
		for name, limit := range unit.Spec.Envelope {
			if amount := used[unit.Name][name]; amount.Cmp(limit) > 0 {
				t.Errorf("%s: %s of %s is used, the envelope is %s", unit.Name, amount.String(), name, limit.String())
			}
		}
	}
}

func TestPeersAgree(t *testing.T) {
	t.Parallel()
	b := load(t, 500)
	calls := 0
	lists := func(peers []v1alpha1.TenantPeer, name string) bool {
		for _, peer := range peers {
			if peer.Tenant == name {
				return true
			}
		}
		return false
	}
	for _, caller := range b.tenants {
		for _, peer := range caller.Spec.Network.EgressTo {
			calls++
			callee, ok := b.tenants[peer.Tenant]
			if !ok || !lists(callee.Spec.Network.IngressFrom, caller.Name) {
				t.Errorf("%s calls %s, which does not admit it", caller.Name, peer.Tenant)
			}
		}
	}
	if calls < 50 {
		t.Errorf("%d calls between tenants, want at least 50", calls)
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	first, second := text(t, 120), text(t, 120)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func text(t *testing.T, tenants int) string {
	t.Helper()
	objects, err := corpbank.Objects(examples, tenants)
	if err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestWrittenComeFirst(t *testing.T) {
	t.Parallel()
	written, err := corpbank.Written(examples)
	if err != nil {
		t.Fatal(err)
	}
	b := byKind(written)
	if len(b.tenants) != 12 || b.tenants["payments"] == nil {
		t.Errorf("%d tenants written by hand, payments among them: %t; want 12, true", len(b.tenants), b.tenants["payments"] != nil)
	}
	few, err := corpbank.Objects(examples, 3)
	if err != nil || len(few) != len(written) {
		t.Errorf("asked for 3 tenants: %d objects, %v; want the %d written ones", len(few), err, len(written))
	}
}

// TestPaymentsIsTheSame keeps the two copies of the tenant payments alike.
func TestPaymentsIsTheSame(t *testing.T) {
	t.Parallel()
	var specs [2]v1alpha1.Tenant
	for i, path := range []string{"corp-bank/tenants/payments.yaml", "tenants/payments/tenant.yaml"} {
		data, err := fs.ReadFile(examples, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(data, &specs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(specs[0], specs[1]); diff != "" {
		t.Errorf("the two differ:\n%s", diff)
	}
}

func TestNoRoom(t *testing.T) {
	t.Parallel()
	_, err := corpbank.Objects(examples, 100_000)
	if err == nil || !strings.Contains(err.Error(), "the bank's envelopes have room for") {
		t.Errorf("error = %v, want that there is no room", err)
	}
}

func TestRefusesForeignFiles(t *testing.T) {
	t.Parallel()
	const tiers, units = "corp-bank/tiers.yaml", "corp-bank/business-units.yaml"
	for _, tt := range []struct {
		name, tiers, units, want string
	}{
		{"another kind", "kind: Pod", "", `corp-bank/tiers.yaml: kind "Pod" is none of the bank's`},
		{"a typing error", "kind: Tier\nspec: {rnak: 1}", "", `unknown field "rnak"`},
		{"not YAML", "{", "", "corp-bank/tiers.yaml: "},
		{"an invalid unit", "kind: Tier", "kind: BusinessUnit\nmetadata: {name: a}\nspec: {parent: b}", `business unit "b" does not exist`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{tiers: {Data: []byte(tt.tiers)}}
			if tt.units != "" {
				files[units] = &fstest.MapFile{Data: []byte(tt.units)}
			}
			if _, err := corpbank.Objects(files, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}
