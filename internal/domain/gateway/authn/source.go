package authn

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

const (
	// refreshEvery is how often keys are fetched though nobody asks.
	refreshEvery = 5 * time.Minute
	// seldom is the least time between two questions to an issuer.
	seldom = time.Second
	// mostBackoff is the most between two questions to one that fails.
	mostBackoff = 30 * time.Second
	// mostWaiting is how many requests may wait for one issuer's answer.
	mostWaiting = 1024
)

// errCrowd is for requests that cannot even wait.
var errCrowd = errors.New("too many requests wait for the issuer's keys")

// errStopped is for requests of a policy that is gone.
var errStopped = errors.New("the issuer is no longer in any policy")

// source keeps one issuer's keys fresh. One goroutine asks the issuer; requests
// read what it found, and may wait for its next answer.
type source struct {
	name  string // for logs
	fetch fetcher
	clock clock.Clock
	log   *slog.Logger

	keys    atomic.Pointer[keys]
	issuer  atomic.Pointer[string] // what the issuer calls itself, where it says so
	failing atomic.Int64           // since when it fails, in nanoseconds; 0 while it does not

	kick chan struct{} // somebody waits
	stop context.CancelFunc
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards what follows
	current *round     // the question that is being asked; nil for none
	next    *round     // the one after it; nil when there will be none
}

// round is one question to the issuer.
type round struct {
	waiting int
	over    chan struct{}
	err     error // valid once over is closed
}

func newSource(ctx context.Context, name string, fetch fetcher, clock clock.Clock, log *slog.Logger) *source {
	ctx, stop := context.WithCancel(ctx)
	made := &source{
		name: name, fetch: fetch, clock: clock, log: log, stop: stop,
		kick: make(chan struct{}, 1), done: make(chan struct{}), next: newRound(),
	}
	go made.run(ctx)
	return made
}

func newRound() *round { return &round{over: make(chan struct{})} }

// run asks the issuer until the context ends.
func (s *source) run(ctx context.Context) {
	defer close(s.done)
	defer s.end()
	for failures := 0; ; {
		started := s.clock.Now()
		if s.ask(ctx) == nil {
			failures = 0
		} else {
			failures++
		}
		if !s.rest(ctx, started, failures) {
			return
		}
	}
}

// rest returns when the issuer should be asked again, or false when the context
// ended: after the usual time, or sooner when somebody waits, but never within a
// second.
func (s *source) rest(ctx context.Context, started time.Time, failures int) bool {
	pause := refreshEvery
	if failures > 0 {
		pause = min(seldom<<min(failures-1, 10), mostBackoff)
	}
	if !s.wait(ctx, started.Add(seldom), nil) {
		return false
	}
	return s.wait(ctx, started.Add(pause), s.kick)
}

func (s *source) wait(ctx context.Context, until time.Time, kick <-chan struct{}) bool {
	timer := s.clock.NewTimer(until.Sub(s.clock.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
	case <-kick:
	}
	return true
}

// ask asks the issuer once, for all who wait at this moment.
func (s *source) ask(ctx context.Context) error {
	s.mu.Lock()
	current := s.next
	s.current, s.next = current, newRound()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := s.fetch(ctx)
	s.learn(ctx, got, err)
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	current.err = err
	close(current.over)
	return err
}

// learn takes over what the issuer publishes, or that it cannot be reached.
func (s *source) learn(ctx context.Context, got found, err error) {
	if err != nil {
		if s.failing.CompareAndSwap(0, s.clock.Now().UnixNano()) && !errors.Is(ctx.Err(), context.Canceled) {
			s.log.WarnContext(ctx, "an issuer's keys cannot be fetched; those that are known are used on", "issuer", s.name, "error", err)
		}
		return
	}
	got.keys.succeed(s.keys.Load())
	s.keys.Store(got.keys)
	if got.issuer != "" {
		s.issuer.Store(&got.issuer)
	}
	if s.failing.Swap(0) != 0 {
		s.log.InfoContext(ctx, "an issuer's keys can be fetched again", "issuer", s.name)
	}
}

// end lets go those who wait, for nobody will answer, and makes forget what the
// keys signed.
func (s *source) end() {
	s.mu.Lock()
	last := s.next
	s.next = nil
	s.mu.Unlock()
	last.err = errStopped
	close(last.over)
	if known := s.keys.Load(); known != nil {
		for _, one := range known.all {
			one.gone.Store(true)
		}
	}
}

// candidates are the keys that may have signed the token. Where there are none,
// the issuer is asked once more.
func (s *source) candidates(ctx context.Context, t *token) ([]*key, error) {
	for {
		known := s.keys.Load()
		if fitting := known.find(t.keyID, t.algorithm); len(fitting) > 0 {
			return fitting, nil
		}
		waited, err := s.newer(ctx, known)
		if err != nil {
			return nil, err
		}
		if waited {
			return s.keys.Load().find(t.keyID, t.algorithm), nil
		}
	}
}

// known returns when the issuer has answered at least once.
func (s *source) known(ctx context.Context) error {
	if s.keys.Load() != nil {
		return nil
	}
	_, err := s.newer(ctx, nil)
	return err
}

// newer returns when the issuer has answered a question that was asked after the
// call, or at once, with false, where there are other keys already than those
// that the caller knows.
func (s *source) newer(ctx context.Context, known *keys) (waited bool, err error) {
	joined, err := s.join(known)
	if joined == nil {
		return false, err
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
	select {
	case <-joined.over:
		return true, joined.err
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// join returns the round whose answer is to be waited for; nil for none. Who
// knows no keys at all takes those that are being asked for.
func (s *source) join(known *keys) (*round, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	joined := s.next
	switch {
	case joined == nil:
		return nil, errStopped
	case s.keys.Load() != known:
		return nil, nil
	case known == nil && s.current != nil:
		joined = s.current
	}
	if joined.waiting >= mostWaiting {
		return nil, errCrowd
	}
	joined.waiting++
	return joined, nil
}

// stale tells whether the issuer has been out of reach for longer than the
// policy allows.
func (s *source) stale(now time.Time, most time.Duration) bool {
	since := s.failing.Load()
	return since != 0 && now.UnixNano()-since > int64(most)
}
