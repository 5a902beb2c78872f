package standalone

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

// Times of supervision.
const (
	firstDelay   = 250 * time.Millisecond
	longestDelay = 30 * time.Second
	healthyAfter = time.Minute
	probeEvery   = 50 * time.Millisecond
	probeLimit   = 2 * time.Second
	stopGrace    = 15 * time.Second
	startLimit   = 3 * time.Minute
)

// backoff is how long to wait before the next start: twice as long every time,
// from firstDelay to longestDelay, and from the beginning after a run that
// lasted a healthy minute.
type backoff struct{ next time.Duration }

func (b *backoff) after(lived time.Duration) time.Duration {
	if b.next == 0 || lived >= healthyAfter {
		b.next = firstDelay
	}
	delay := b.next
	b.next = min(2*b.next, longestDelay)
	return delay
}

// child keeps one component running. Its goroutine, supervise, ends with stop.
type child struct {
	component
	spawn    func() (process, error)
	liveness Liveness
	clock    clock.WithTicker
	// changed hears of every change, from the goroutines of the child.
	changed func(Event)

	stopping  chan struct{} // closed by stop
	ended     chan struct{} // closed by supervise
	everReady chan struct{} // closed when first ready
	failed    chan error    // gets the error when the child ends by itself before it was ever ready

	mu     sync.Mutex // guards status
	status ChildStatus
}

func newChild(of component, spawn func() (process, error), liveness Liveness, clk clock.WithTicker, changed func(Event)) *child {
	return &child{
		component: of, spawn: spawn, liveness: liveness.withDefaults(), clock: clk, changed: changed,
		stopping:  make(chan struct{}),
		ended:     make(chan struct{}),
		everReady: make(chan struct{}),
		failed:    make(chan error, 1),
		status:    ChildStatus{Name: of.name},
	}
}

// snapshot returns the status as it is now.
func (c *child) snapshot() ChildStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *child) update(change func(*ChildStatus)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// supervise starts the component again and again until stop.
func (c *child) supervise() {
	defer close(c.ended)
	var delays backoff
	for {
		began := c.clock.Now()
		err := c.run()
		if c.isStopping() {
			c.report(Event{Kind: EventStopped})
			return
		}
		if c.failsStart(err) {
			return
		}
		delay := delays.after(c.clock.Since(began))
		c.update(func(s *ChildStatus) { s.Restarts++; s.LastExit = err.Error() })
		c.report(Event{Kind: EventExited, Err: err, Delay: delay})
		select {
		case <-c.stopping:
			return
		case <-c.clock.After(delay):
		}
	}
}

// failsStart says whether the end of the component makes starting it again
// pointless: it ended by itself and has never been ready. One that somebody
// killed is started again.
func (c *child) failsStart(err error) bool {
	select {
	case <-c.everReady:
		return false
	default:
	}
	if signaled(err) {
		return false
	}
	c.update(func(s *ChildStatus) { s.LastExit = err.Error() })
	c.failed <- err
	return true
}

func signaled(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

func (c *child) isStopping() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// run starts the component once and returns how it ended; never nil.
func (c *child) run() error {
	p, err := c.spawn()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.update(func(s *ChildStatus) { s.PID, s.Ready = p.PID(), false })
	c.report(Event{Kind: EventStarted})

	watching, stopWatching := context.WithCancel(context.Background())
	var watched sync.WaitGroup
	hung, exited := make(chan error, 1), make(chan error, 1)
	watched.Go(func() { hung <- c.watch(watching) })
	go func() { exited <- p.Wait() }()

	select {
	case err = <-exited:
	case hang := <-hung:
		err = fmt.Errorf("%w (%w)", hang, kill(p, exited))
	case <-c.stopping:
		err = c.end(p, exited)
	}
	stopWatching()
	watched.Wait()
	c.update(func(s *ChildStatus) { s.PID, s.Ready = 0, false })
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// end asks the process to end, and ends it when it does not listen.
func (c *child) end(p process, exited <-chan error) error {
	if err := p.Terminate(); err == nil {
		select {
		case err := <-exited:
			return err
		case <-c.clock.After(stopGrace):
		}
	}
	return kill(p, exited)
}

// kill ends the process and returns how it ended.
func kill(p process, exited <-chan error) error {
	_ = p.Kill() // Fails only when it has just ended by itself.
	return <-exited
}

// probeUntilReady asks until the component answers well, and says so once. It
// returns false when ctx ends before.
func (c *child) probeUntilReady(ctx context.Context) bool {
	for {
		err := ask(ctx, c.ready, probeLimit)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			c.becomeReady()
			return true
		}
		c.update(func(s *ChildStatus) { s.Waiting = err.Error() })
		select {
		case <-ctx.Done():
			return false
		case <-c.clock.After(probeEvery):
		}
	}
}

func (c *child) becomeReady() {
	c.update(func(s *ChildStatus) { s.Ready, s.Waiting = true, "" })
	select {
	case <-c.everReady:
	default:
		close(c.everReady)
	}
	c.report(Event{Kind: EventReady})
}

func (c *child) report(e Event) {
	e.Time, e.Child = c.clock.Now(), c.name
	c.changed(e)
}

// errNeverReady says that a component runs and does not get ready.
var errNeverReady = errors.New("it runs and does not get ready")

// awaitReady returns when the component is ready, or an error when it ended by
// itself, was not ready within startLimit, or ctx ended.
func (c *child) awaitReady(ctx context.Context) error {
	select {
	case <-c.everReady:
		return nil
	case err := <-c.failed:
		return err
	case <-c.clock.After(startLimit):
		return fmt.Errorf("%w after %s: %s", errNeverReady, startLimit, c.snapshot().Waiting)
	case <-ctx.Done():
		return fmt.Errorf("%s was not ready yet (%s): %w", c.name, c.snapshot().Waiting, ctx.Err())
	}
}

// stop ends the component and its supervision. It may be called once.
func (c *child) stop() {
	close(c.stopping)
	<-c.ended
}
