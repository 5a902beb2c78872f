package operator

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// LedgerController is the name of the ledger's controller.
const LedgerController = "policy-override-ledger"

// ledgerKey is the one request of the ledger's controller.
var ledgerKey = types.NamespacedName{Name: v1alpha1.LedgerName}

// ledger writes the OverrideLedgers. They are objects without a status, so that
// their controller is no list of steps.
type ledger struct {
	*registry
	alarm *alarm
}

// Reconcile writes the ledgers as they must be now, and sets the alarm for the
// next change that time brings.
func (l *ledger) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var overrides v1alpha1.PolicyOverrideList
	if err := l.client.List(ctx, &overrides); err != nil {
		return reconcile.Result{}, fmt.Errorf("list overrides: %w", err)
	}
	w, err := l.world(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	l.alarm.set(ledgerKey, override.Next(overrides.Items, w.Now))
	compiled := override.Compile(overrides.Items, w)
	if len(compiled.Full) > 0 {
		l.log.WarnContext(ctx, "the ledger is full, and overrides are left out", "overrides", len(compiled.Full))
	}
	return reconcile.Result{}, l.write(ctx, compiled.Spec)
}

// write makes the ledgers what they must be; all exist at all times. The one that
// holds everything comes last: what it has is in force.
func (l *ledger) write(ctx context.Context, want v1alpha1.OverrideLedgerSpec) error {
	var list v1alpha1.OverrideLedgerList
	if err := l.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the ledgers of overrides: %w", err)
	}
	live := make(map[string]*v1alpha1.OverrideLedger, len(list.Items))
	for i := range list.Items {
		live[list.Items[i].Name] = &list.Items[i]
	}
	for _, each := range override.Ledgers(want) {
		if err := l.writeOne(ctx, live[each.Name], &each); err != nil {
			return fmt.Errorf("write the ledger %q: %w", each.Name, err)
		}
	}
	return nil
}

// writeOne writes a ledger that is not as it must be; live is nil where there is
// none.
func (l *ledger) writeOne(ctx context.Context, live, want *v1alpha1.OverrideLedger) error {
	switch {
	case live == nil:
		return l.client.Create(ctx, want)
	case equality.Semantic.DeepEqual(live.Spec, want.Spec):
		return nil
	}
	changed := live.DeepCopy()
	changed.Spec = want.Spec
	return l.client.Update(ctx, changed)
}

// holds tells whether the ledger has entries of the override.
func (r *registry) holds(ctx context.Context, o *v1alpha1.PolicyOverride) (bool, error) {
	live := &v1alpha1.OverrideLedger{}
	if err := r.client.Get(ctx, ledgerKey, live, client.UnsafeDisableDeepCopy); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	for _, p := range o.Spec.Policies {
		for _, entry := range live.Spec.Policies[p.Name] {
			if entry.Override == override.Key(o) {
				return true, nil
			}
		}
	}
	return false, nil
}
