package corpbank

import (
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// ledger admits tenants to the bank as the platform would: valid ones, within
// the envelopes.
type ledger struct {
	world   tenancy.World
	owners  map[string]string // namespace -> tenant
	tenants int
}

// newLedger opens the books with the bank's objects in it.
func newLedger(objects []client.Object) (*ledger, error) {
	l := &ledger{world: world(objects), owners: map[string]string{}}
	l.world.Owner = func(namespace string) (string, bool) {
		owner, ok := l.owners[namespace]
		return owner, ok
	}
	for _, object := range objects {
		var err error
		switch object := object.(type) {
		case *v1alpha1.BusinessUnit:
			err = l.addUnit(object)
		case *v1alpha1.Tenant:
			err = l.add(object)
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *ledger) addUnit(unit *v1alpha1.BusinessUnit) error {
	if errs := tenancy.ValidateUnit(unit, l.world); len(errs) > 0 {
		return fmt.Errorf("business unit %q: %w", unit.Name, errs.ToAggregate())
	}
	if unit.Spec.Parent == "" {
		return nil
	}
	parent := l.world.Units[unit.Spec.Parent]
	reservations, err := quota.Reserve(parent, quota.Holder{Kind: quota.HolderBusinessUnit, Name: unit.Name}, unit.Spec.Envelope)
	if err != nil {
		return fmt.Errorf("business unit %q: %w", unit.Name, err)
	}
	parent.Status.Reservations = reservations
	return nil
}

// errRefused means that the bank does not take the tenant.
var errRefused = errors.New("refused")

// add takes a tenant into the bank, or nothing of it.
func (l *ledger) add(t *v1alpha1.Tenant) error {
	if errs := tenancy.Validate(t, l.world); len(errs) > 0 {
		return fmt.Errorf("tenant %q: %w: %w", t.Name, errRefused, errs.ToAggregate())
	}
	unit, tier := l.world.Units[t.Spec.BusinessUnit], l.world.Tiers[t.Spec.Tier]
	reservations, err := quota.Reserve(unit, quota.Holder{Kind: quota.HolderTenant, Name: t.Name}, quota.Effective(t, tier))
	if err != nil {
		return fmt.Errorf("tenant %q: %w: %w", t.Name, errRefused, err)
	}
	unit.Status.Reservations = reservations
	l.tenants++
	if tenancy.Model(t, tier) == v1alpha1.ModelNamespace {
		for _, place := range tenancy.Places(t) {
			l.owners[place.Namespace] = t.Name
		}
	}
	return nil
}
