package operator

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// ledger writes the OverrideLedger. It is an object without a status, so that its
// controller is no list of steps.
type ledger struct {
	*registry
	alarm *alarm
	// idle is since when nothing reads the ledgers of earlier versions; zero while
	// something does. The controller has one worker.
	idle time.Time
}

// Reconcile writes the ledger as it must be now, and sets the alarm for the
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
	if err := l.write(ctx, compiled.Spec); err != nil {
		return reconcile.Result{}, fmt.Errorf("write the ledger of overrides: %w", err)
	}
	wait, err := l.tidy(ctx)
	return reconcile.Result{RequeueAfter: wait}, err
}

// write makes the ledger what it must be.
func (l *ledger) write(ctx context.Context, want v1alpha1.OverrideLedgerSpec) error {
	live := &v1alpha1.OverrideLedger{}
	err := l.client.Get(ctx, ledgerKey, live)
	switch {
	case apierrors.IsNotFound(err):
		return l.client.Create(ctx, &v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LedgerName}, Spec: want})
	case err != nil:
		return err
	case equality.Semantic.DeepEqual(live.Spec, want):
		return nil
	}
	live.Spec = want
	return l.client.Update(ctx, live)
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
