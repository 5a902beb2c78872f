package reports

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Retention is how long changes of policy results are kept. What holds now is
// kept as long as its object.
const Retention = 90 * 24 * time.Hour

// tidy is how often old changes are looked for.
const tidy = 6 * time.Hour

// Keeper drops changes that are older than Retention. All fields are required.
type Keeper struct {
	History *History
	Clock   clock.WithTicker
	Log     *slog.Logger
}

var _ manager.LeaderElectionRunnable = (*Keeper)(nil)

// NeedLeaderElection says yes: one copy tidies up.
func (*Keeper) NeedLeaderElection() bool { return true }

// Start drops old changes now and then, until the context ends. What fails is
// tried again at the next look.
func (k *Keeper) Start(ctx context.Context) error {
	ticker := k.Clock.NewTicker(tidy)
	defer ticker.Stop()
	for {
		if _, err := k.History.Prune(ctx, k.Clock.Now().Add(-Retention)); err != nil && ctx.Err() == nil {
			k.Log.WarnContext(ctx, "old changes of policy results stay for now", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}
