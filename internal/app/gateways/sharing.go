package gateways

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/adapter/redis"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
)

var _ limit.Store = (*redis.Limits)(nil)

// budgets is where a process has the budgets of rate limits from.
type budgets struct {
	// store is nil where the process counts alone.
	store limit.Store
	// processes is how many share, for policies that fail Local.
	processes func() int
	// run is nil where there is nothing to run.
	run   func(ctx context.Context)
	close func() error
}

// budgetsOf are those of a Redis, of a leader, or the process's own.
func budgetsOf(opts Options) (budgets, error) {
	alone := budgets{processes: func() int { return 1 }, close: func() error { return nil }}
	switch {
	case opts.Redis != "":
		limits, err := redis.Open(opts.Redis)
		if err != nil {
			return alone, err
		}
		there := &presence{limits: limits, process: opts.Process, clock: opts.Clock, log: opts.Log}
		there.count.Store(1)
		return budgets{store: limits, processes: func() int { return int(there.count.Load()) }, run: there.run, close: limits.Close}, nil
	case opts.Leader != nil:
		remote := limit.NewRemote(opts.Leader.Client(), opts.Leader.Leader, opts.Process)
		alone.store, alone.processes = remote, remote.Processes
	}
	return alone, nil
}

const (
	// presentEvery is how often a process tells Redis that it is there.
	presentEvery = 3 * time.Second
	// presentFor is how long it counts without.
	presentFor = 10 * time.Second
)

// presence counts the processes that share a Redis.
type presence struct {
	limits  *redis.Limits
	process string
	clock   clock.WithTicker
	log     *slog.Logger
	count   atomic.Int64
}

// run counts until the context ends. While Redis is gone the last count holds.
func (p *presence) run(ctx context.Context) {
	down := false
	for {
		limited, cancel := context.WithTimeout(ctx, presentEvery)
		count, err := p.limits.Join(limited, p.process, presentFor)
		cancel()
		switch {
		case err == nil:
			p.count.Store(int64(max(count, 1)))
			down = false
		case !down && ctx.Err() == nil:
			p.log.WarnContext(ctx, "Redis is away: rate limits hold as each policy's failureMode says", "error", err)
			down = true
		}
		select {
		case <-ctx.Done():
			return
		case <-p.clock.After(presentEvery):
		}
	}
}

var _ manager.LeaderElectionRunnable = (*lead)(nil)

// lead is what runs in the process that leads.
type lead struct {
	gateway *Gateway
	leader  *leases.Leader
}

// Leading completes a leases.Leader with what this process has to give, for the
// manager to run in the process that is elected: from then on it keeps the budgets.
func (g *Gateway) Leading(leader leases.Leader) manager.Runnable {
	leader.Uses = g.store
	if !g.redis {
		leader.Lessor = limit.NewLessor(g.limiter)
	}
	return &lead{g, &leader}
}

// NeedLeaderElection says yes.
func (*lead) NeedLeaderElection() bool { return true }

// Start leads until the context ends.
func (l *lead) Start(ctx context.Context) error {
	if !l.gateway.redis {
		l.gateway.limiter.SetStore(nil)
	}
	return l.leader.Start(ctx)
}
