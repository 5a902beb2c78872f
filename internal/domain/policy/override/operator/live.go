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

// NeedLeaderElection says no: every replica decides.
func (l *Live) NeedLeaderElection() bool { return false }

// Start follows the ledger until the context ends.
func (l *Live) Start(ctx context.Context) error {
	informer, err := l.cache.GetInformer(ctx, &v1alpha1.OverrideLedger{})
	if err != nil {
		return fmt.Errorf("follow the ledger of overrides: %w", err)
	}
	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { l.read(ctx, obj) },
		UpdateFunc: func(_, obj any) { l.read(ctx, obj) },
		DeleteFunc: func(any) { l.waivers.Store(nil) },
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

func (l *Live) read(ctx context.Context, obj any) {
	ledger, ok := obj.(*v1alpha1.OverrideLedger)
	if !ok || ledger.Name != v1alpha1.LedgerName {
		return
	}
	waivers, err := override.NewWaivers(ledger.Spec)
	if err != nil {
		l.log.ErrorContext(ctx, "the ledger of overrides cannot be read, nothing is waived", "error", err)
	}
	l.waivers.Store(waivers)
}
