package standalone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// Liveness says when a component that was ready counts as hung. Such a one is
// killed and started again like one that ended. Fields that are zero get their
// defaults, which leave a busy machine 45 seconds.
type Liveness struct {
	// Every is the pause between questions. Default 5 s.
	Every time.Duration
	// Timeout is how long an answer may take. Default 10 s.
	Timeout time.Duration
	// Failures is how many wrong or missing answers in a row are too many.
	// Default 3.
	Failures int
}

func (l Liveness) withDefaults() Liveness {
	return Liveness{
		Every:    cmp.Or(l.Every, 5*time.Second),
		Timeout:  cmp.Or(l.Timeout, 10*time.Second),
		Failures: cmp.Or(l.Failures, 3),
	}
}

// errHung says that a component was killed because it did not answer.
var errHung = errors.New("killed because it hung")

// watch asks the component until it is ready, and from then on whether it is
// alive. It returns an error when it is not, and nil when ctx ends.
func (c *child) watch(ctx context.Context) error {
	if !c.probeUntilReady(ctx) {
		return nil
	}
	failures := 0
	for c.rest(ctx) {
		err := ask(ctx, c.alive, c.liveness.Timeout)
		if failures++; err == nil || ctx.Err() != nil {
			failures = 0
		}
		if failures >= c.liveness.Failures {
			return fmt.Errorf("%w: %d times in a row it did not answer as it should, at last: %w", errHung, failures, err)
		}
	}
	return nil
}

// rest pauses between questions. It returns false when ctx ends before.
func (c *child) rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c.clock.After(c.liveness.Every):
		return true
	}
}

// ask puts a question that must be answered in time.
func ask(ctx context.Context, question func(context.Context) error, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return question(ctx)
}

// etcdProbe asks etcd as its only client.
func (p *Plane) etcdProbe(path string) func(context.Context) error {
	return httpProbe(p.plan.endpoint(etcdName)+path, p.creds.etcdAuthority, p.creds.etcdClient)
}

// clusterProbe asks a health endpoint that answers to everybody.
func (p *Plane) clusterProbe(listener, path string) func(context.Context) error {
	return httpProbe(p.plan.endpoint(listener)+path, p.authority, pki.Pair{})
}

// nodesAlive asks the simulator, which has no port, by what it does: without it
// nodes stop being ready. An API server that does not say so is not its fault.
func nodesAlive(ctx context.Context, client kubernetes.Interface, count int) error {
	err := nodesReady(ctx, client, count)
	if errors.Is(err, errNodeNotReady) {
		return err
	}
	return nil
}
