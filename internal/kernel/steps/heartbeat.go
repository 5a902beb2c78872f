package steps

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// HeartbeatName is the name in the request that a runner only answers with
	// a sign of life. The slash keeps any object from having it.
	HeartbeatName = "roadbed.dev/heartbeat"
	// heartbeatEvery is a third of SilenceLimit, so that one late heartbeat is
	// no alarm.
	heartbeatEvery = SilenceLimit / 3
)

var heartbeat = reconcile.Request{NamespacedName: types.NamespacedName{Name: HeartbeatName}}

func (r *Runner[T]) beat() { r.opts.Liveness.Beat(r.opts.Name) }

// startHeartbeat puts a heartbeat into the controller's own queue at once and
// then regularly: only a controller that works its queue off answers it. The
// goroutine ends with the controller's context.
func (r *Runner[T]) startHeartbeat(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	queue.Add(heartbeat)
	go func() {
		for passed(ctx, r.opts.Clock, heartbeatEvery, nil) {
			queue.Add(heartbeat)
		}
	}()
}

// standby vouches for a controller that another replica's lease keeps from
// running. From its election on, the controller has to speak for itself.
type standby struct {
	beat    func()
	clock   clock.Clock
	elected <-chan struct{}
}

var _ manager.LeaderElectionRunnable = standby{}

// NeedLeaderElection says no: a standby is there before the election.
func (standby) NeedLeaderElection() bool { return false }

// Start beats until the election is won. Without leader election it is won at
// the start, and Start returns before the first beat.
func (s standby) Start(ctx context.Context) error {
	for passed(ctx, s.clock, heartbeatEvery, s.elected) {
		s.beat()
	}
	return nil
}

// passed returns true after the time, or false as soon as the context or stop ends.
func passed(ctx context.Context, c clock.Clock, d time.Duration, stop <-chan struct{}) bool {
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	}
}
