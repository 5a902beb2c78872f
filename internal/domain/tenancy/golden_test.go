package tenancy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestPlan compares what is planned for the objects in each case's in.yaml with
// its out.yaml. The tiers that come with Roadbed are there without being named.
func TestPlan(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/plan/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		given := read(t, golden.File(t, archive, "in.yaml"))
		planned := given.plan(t)
		golden.SetFile(archive, "out.yaml", render(t, planned))
		return archive
	})
}

// TestPlanIsDeterministic plans each case twenty times: maps must not show.
func TestPlanIsDeterministic(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/plan/declared-network.txtar")
	if err != nil {
		t.Fatal(err)
	}
	given := read(t, golden.File(t, archive, "in.yaml"))
	first := render(t, given.plan(t))
	for range 20 {
		if again := render(t, given.plan(t)); !bytes.Equal(first, again) {
			t.Fatal("two plans of the same tenant differ")
		}
	}
}

// TestValidate lists what is wrong with each document of a case: every file
// but world.yaml and errors.txt is one object, judged in that world.
func TestValidate(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/validate/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		given := read(t, golden.File(t, archive, "world.yaml"))
		var out strings.Builder
		for _, file := range archive.Files {
			if file.Name == "world.yaml" || file.Name == "errors.txt" {
				continue
			}
			fmt.Fprintf(&out, "%s\n", file.Name)
			for _, err := range given.judge(t, read(t, file.Data)) {
				fmt.Fprintf(&out, "  %s: %s\n", ReasonFor(err), err)
			}
		}
		golden.SetFile(archive, "errors.txt", []byte(out.String()))
		return archive
	})
}

// input is the objects of a YAML file, and the world they make.
type input struct {
	tenants []*v1alpha1.Tenant
	units   []*v1alpha1.BusinessUnit
	tiers   []*v1alpha1.Tier
	world   World
}

func read(t *testing.T, text []byte) input {
	t.Helper()
	var in input
	for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		var meta struct{ Kind string }
		must(t, yaml.Unmarshal([]byte(part), &meta))
		switch meta.Kind {
		case "Tenant":
			in.tenants = append(in.tenants, object[v1alpha1.Tenant](t, part))
		case "BusinessUnit":
			in.units = append(in.units, object[v1alpha1.BusinessUnit](t, part))
		case "Tier":
			in.tiers = append(in.tiers, object[v1alpha1.Tier](t, part))
		default:
			t.Fatalf("kind %q", meta.Kind)
		}
	}
	in.world = World{Tiers: byName(append(Tiers(), in.tiers...)), Units: byName(in.units), Settings: DefaultSettings()}
	in.world.Owner = func(namespace string) (string, bool) {
		for _, tenant := range in.tenants {
			for _, place := range Places(tenant) {
				if place.Namespace == namespace {
					return tenant.Name, true
				}
			}
		}
		return "", strings.HasPrefix(namespace, "legacy-")
	}
	return in
}

func object[T any](t *testing.T, text string) *T {
	t.Helper()
	decoded := new(T)
	must(t, yaml.UnmarshalStrict([]byte(text), decoded))
	return decoded
}

// plan is the plan of every tenant, then of every business unit and of the
// namespaces its tenants share.
func (in input) plan(t *testing.T) []client.Object {
	t.Helper()
	var all []client.Object
	for _, tenant := range in.tenants {
		objects, err := Plan(tenant, in.world)
		must(t, err)
		all = append(all, objects...)
	}
	for _, unit := range in.units {
		all = append(all, PlanUnit(unit, in.world)...)
		for _, tier := range Tiers() {
			objects, err := PlanShared(unit, tier, in.shared(unit, tier), in.world)
			must(t, err)
			all = append(all, objects...)
		}
	}
	return all
}

func (in input) shared(unit *v1alpha1.BusinessUnit, tier *v1alpha1.Tier) []*v1alpha1.Tenant {
	var found []*v1alpha1.Tenant
	for _, tenant := range in.tenants {
		mine := tenant.Spec.BusinessUnit == unit.Name && tenant.Spec.Tier == tier.Name
		if mine && Model(tenant, tier) == v1alpha1.ModelSharedNamespace {
			found = append(found, tenant)
		}
	}
	return found
}

func (in input) judge(t *testing.T, given input) field.ErrorList {
	t.Helper()
	var errs field.ErrorList
	for _, tenant := range given.tenants {
		errs = append(errs, Validate(tenant, in.world)...)
	}
	for _, unit := range given.units {
		errs = append(errs, ValidateUnit(unit, in.world)...)
	}
	for _, tier := range given.tiers {
		errs = append(errs, ValidateTier(tier)...)
	}
	return errs
}

func render(t *testing.T, objects []client.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := yaml.Marshal(object)
		must(t, err)
		fields := parse(t, string(text))
		delete(fields, "status")
		if spec, ok := fields["spec"].(map[string]any); ok && len(spec) == 0 {
			delete(fields, "spec")
		}
		text, err = yaml.Marshal(fields)
		must(t, err)
		out.Write(text)
	}
	return out.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
