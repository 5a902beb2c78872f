package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// Live is the overrides in force, as the ledger has them now. Without a ledger
// nothing is waived.
type Live struct {
	cache   cache.Cache
	log     *slog.Logger
	waivers atomic.Pointer[override.Waivers]
	// listeners hear of changes. They are set before anything runs.
	listeners []func(before, after v1alpha1.OverrideLedgerSpec)
}

// OnChange has a function called, which returns at once, with what the ledger
// said and what it says now. It is called before anything runs.
func (l *Live) OnChange(listener func(before, after v1alpha1.OverrideLedgerSpec)) {
	l.listeners = append(l.listeners, listener)
}

var (
	_ policy.Waivers                 = (*Live)(nil)
	_ manager.LeaderElectionRunnable = (*Live)(nil)
)

// Waives answers by the ledger that was seen last.
func (l *Live) Waives(info policy.Info, rule string, r *policy.Request, now time.Time) string {
	waivers := l.waivers.Load()
	if waivers == nil {
		return ""
	}
	return waivers.Waives(info, rule, r, now)
}

// Narrows answers by the ledger that was seen last.
func (l *Live) Narrows(info policy.Info, rule string, r *policy.Request, now time.Time) []policy.Narrowing {
	waivers := l.waivers.Load()
	if waivers == nil {
		return nil
	}
	return waivers.Narrows(info, rule, r, now)
}

// NeedLeaderElection says no: every replica decides.
func (l *Live) NeedLeaderElection() bool { return false }

// Start follows the ledger until the context ends.
func (l *Live) Start(ctx context.Context) error {
	informer, err := l.cache.GetInformer(ctx, &v1alpha1.OverrideLedger{})
	if err != nil {
		return fmt.Errorf("follow the ledger of overrides: %w", err)
	}
	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { l.read(ctx, nil, obj) },
		UpdateFunc: func(old, obj any) { l.read(ctx, old, obj) },
		DeleteFunc: func(old any) { l.lose(old) },
	})
	if err != nil {
		return fmt.Errorf("follow the ledger of overrides: %w", err)
	}
	<-ctx.Done()
	if err := informer.RemoveEventHandler(handle); err != nil {
		return fmt.Errorf("stop following the ledger of overrides: %w", err)
	}
	return nil
}

func (l *Live) read(ctx context.Context, old, obj any) {
	ledger, ok := obj.(*v1alpha1.OverrideLedger)
	if !ok || ledger.Name != v1alpha1.LedgerName {
		return
	}
	waivers, err := override.NewWaivers(ledger.Spec)
	if err != nil {
		l.log.ErrorContext(ctx, "the ledger of overrides cannot be read, nothing is waived", "error", err)
	}
	l.waivers.Store(waivers)
	l.tell(specOf(old), ledger.Spec)
}

// lose waives nothing any more.
func (l *Live) lose(old any) {
	if unknown, ok := old.(toolscache.DeletedFinalStateUnknown); ok {
		old = unknown.Obj
	}
	if ledger, ok := old.(*v1alpha1.OverrideLedger); ok && ledger.Name != v1alpha1.LedgerName {
		return
	}
	l.waivers.Store(nil)
	l.tell(specOf(old), v1alpha1.OverrideLedgerSpec{})
}

func (l *Live) tell(before, after v1alpha1.OverrideLedgerSpec) {
	for _, listener := range l.listeners {
		listener(before, after)
	}
}

// specOf is what a ledger says; nothing where there is none.
func specOf(obj any) v1alpha1.OverrideLedgerSpec {
	if ledger, ok := obj.(*v1alpha1.OverrideLedger); ok {
		return ledger.Spec
	}
	return v1alpha1.OverrideLedgerSpec{}
}
