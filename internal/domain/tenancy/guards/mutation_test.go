package guards_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
)

// charge is an offence and who commits it.
type charge struct {
	offence
	by []persona
}

// TestWithoutItsGuardAnOffenceSucceeds takes away one guard at a time and shows
// that every offence it is tried with elsewhere then goes through: those tests
// fail when their guard is switched off, and not for another reason.
func TestWithoutItsGuardAnOffenceSucceeds(t *testing.T) {
	t.Parallel()
	p := startPlane(t, false)
	s := stage(t, p, "mutation")
	s.presume(t)
	charges := s.charges(t)
	for _, guard := range guards.All() {
		if charged := charges[guard.Name]; len(charged) > 0 {
			t.Run(guard.Name, func(t *testing.T) { s.without(t, guard, charged) })
		}
	}
	t.Run("exact subjects", func(t *testing.T) { s.withNamesakesBound(t, charges[byExactSubjects]) })
}

// charges sorts every offence of the other tests by what should refuse it.
func (s *scene) charges(t *testing.T) map[string][]charge {
	t.Helper()
	head := []persona{{name: "business unit's admin", client: s.appoint(t)}}
	admin := []persona{{name: "cluster admin", client: s.admin}}
	sorted := map[string][]charge{}
	add := func(by []persona, offences []offence) {
		for _, o := range offences {
			sorted[o.guard] = append(sorted[o.guard], charge{o, by})
		}
	}
	for _, offences := range [][]offence{acrossTenants(), onPlatformObjects(), aroundTheScheduler(), onOwnAccess(), roundabout(), networkOffences(), beforeIsolation()} {
		add(s.personas, offences)
	}
	for _, a := range advisories() {
		add(s.personas, a.offences)
	}
	add(head, aroundBusinessUnits())
	add(admin, byClusterAdmins())
	return sorted
}

// without takes a guard away, wants every offence to go through, and puts the
// guard back.
func (s *scene) without(t *testing.T, guard guards.Guard, charges []charge) {
	policy, binding := guard.Objects[0], guard.Objects[1]
	if err := s.installer.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	for _, c := range charges {
		for _, who := range c.by {
			eventually(t, fmt.Sprintf("without %s, %s may %s", policy.GetName(), who.name, c.name), func() error {
				return c.do(t.Context(), who.client, s)
			})
		}
	}
	binding.SetResourceVersion("")
	create(t, s.installer, binding)
	eventually(t, policy.GetName()+" is in force again", func() error { return s.refuses(t.Context(), charges[0]) })
}

func (s *scene) refuses(ctx context.Context, c charge) error {
	for _, who := range c.by {
		if err := c.do(ctx, who.client, s); err == nil {
			return errors.New(who.name + " still may " + c.name)
		}
	}
	return nil
}

// withNamesakesBound is the advisory's mistake: whoever has the right name is
// taken for the neighbour's admin, whatever his kind or namespace.
func (s *scene) withNamesakesBound(t *testing.T, charges []charge) {
	user, group := "ann@"+s.tenant, "corp:"+s.tenant+"-admins"
	mistaken := bind(s.other, "namesakes", tenancy.RoleTenantAdmin,
		rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user},
		rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group},
		rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: s.mine, Name: "ops"},
	)
	create(t, s.roadbed, mistaken)
	for _, c := range charges {
		for _, who := range c.by {
			eventually(t, who.name+" may "+c.name, func() error { return c.do(t.Context(), who.client, s) })
		}
	}
}

// TestEveryGuardIsTriedWithoutIt keeps a new guard from having no offence.
func TestEveryGuardIsTriedWithoutIt(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{"paved-road": true, "load-balancers": true} // they refuse nothing
	all := [][]offence{onPlatformObjects(), aroundTheScheduler(), onOwnAccess(), networkOffences(), beforeIsolation(), aroundBusinessUnits(), byClusterAdmins()}
	for _, a := range advisories() {
		all = append(all, a.offences)
	}
	for _, offences := range all {
		for _, o := range offences {
			tried[o.guard] = true
		}
	}
	for _, guard := range guards.All() {
		if !tried[guard.Name] {
			t.Errorf("no offence is refused by guard %q", guard.Name)
		}
	}
}
