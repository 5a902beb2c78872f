package standalone

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	var b backoff
	for _, step := range []struct{ lived, want time.Duration }{
		{0, 250 * time.Millisecond},
		{0, 500 * time.Millisecond},
		{59 * time.Second, time.Second},
		{0, 2 * time.Second},
		{0, 4 * time.Second},
		{0, 8 * time.Second},
		{0, 16 * time.Second},
		{0, 30 * time.Second},
		{0, 30 * time.Second},
		{time.Minute, 250 * time.Millisecond},
		{0, 500 * time.Millisecond},
	} {
		if got := b.after(step.lived); got != step.want {
			t.Errorf("after a run of %v: %v, want %v", step.lived, got, step.want)
		}
	}
}

// fakeProcess ends when it is told to, or when end is called.
type fakeProcess struct {
	ended      chan error
	terminates bool
	signals    []string
}

func (p *fakeProcess) PID() int { return 7 }

func (p *fakeProcess) Terminate() error {
	p.signals = append(p.signals, "terminate")
	if p.terminates {
		p.ended <- nil
	}
	return nil
}

func (p *fakeProcess) Kill() error {
	p.signals = append(p.signals, "kill")
	p.ended <- errors.New("signal: killed")
	return nil
}

func (p *fakeProcess) Wait() error { return <-p.ended }

// nursery is a child over fake processes, in a bubble of fake time.
type nursery struct {
	*child
	processes []*fakeProcess
	kinds     []EventKind
	delays    []time.Duration
	spawnErr  error
	probeErr  error
	hung      atomic.Bool
}

func newNursery(terminates bool) *nursery {
	n := &nursery{}
	spawn := func() (process, error) {
		if n.spawnErr != nil {
			return nil, n.spawnErr
		}
		p := &fakeProcess{ended: make(chan error, 2), terminates: terminates}
		n.processes = append(n.processes, p)
		return p, nil
	}
	hear := func(e Event) {
		n.kinds = append(n.kinds, e.Kind)
		if e.Kind == EventExited {
			n.delays = append(n.delays, e.Delay)
		}
	}
	of := component{
		name:  "etcd",
		ready: func(context.Context) error { return n.probeErr },
		alive: func(context.Context) error {
			if n.hung.Load() {
				return errors.New("no answer")
			}
			return nil
		},
	}
	n.child = newChild(of, spawn, Liveness{Every: time.Second, Failures: 3}, clock.RealClock{}, hear)
	return n
}

// crash ends the running process and lets everything settle.
func (n *nursery) crash() {
	n.processes[len(n.processes)-1].ended <- errors.New("exit status 2")
	synctest.Wait()
}

func TestChildIsStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		go n.supervise()
		if err := n.awaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 3 {
			n.crash()
			<-time.After(longestDelay)
			synctest.Wait()
		}
		<-time.After(healthyAfter)
		n.crash()
		if s := n.snapshot(); s.Ready || s.PID != 0 || s.Restarts != 4 || s.LastExit != "exit status 2" {
			t.Errorf("status between runs: %+v", s)
		}
		<-time.After(firstDelay)
		synctest.Wait()
		n.stop()
		if want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 250 * time.Millisecond}; !slices.Equal(n.delays, want) {
			t.Errorf("delays %v, want %v", n.delays, want)
		}
		if last := n.kinds[len(n.kinds)-3:]; !slices.Equal(last, []EventKind{EventStarted, EventReady, EventStopped}) {
			t.Errorf("last events %v", last)
		}
	})
}

func TestChildThatFailsAtStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		n.probeErr = errors.New("connection refused")
		go n.supervise()
		synctest.Wait()
		n.crash()
		if err := n.awaitReady(t.Context()); err == nil || err.Error() != "exit status 2" {
			t.Errorf("awaitReady: %v", err)
		}
		n.stop()
		if len(n.processes) != 1 {
			t.Errorf("started %d times, want once", len(n.processes))
		}
	})
}

func TestChildKilledBeforeItWasReady(t *testing.T) {
	t.Parallel()
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	if !signaled(killed) {
		t.Fatalf("%v does not count as a signal", killed)
	}
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		n.probeErr = errors.New("connection refused")
		go n.supervise()
		synctest.Wait()
		n.processes[0].ended <- killed
		<-time.After(firstDelay)
		synctest.Wait()
		if len(n.processes) != 2 {
			t.Errorf("started %d times, want twice", len(n.processes))
		}
		n.stop()
	})
}

func TestChildThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		n.spawnErr = errors.New("no such file")
		go n.supervise()
		if err := n.awaitReady(t.Context()); err == nil || err.Error() != "start etcd: no such file" {
			t.Errorf("awaitReady: %v", err)
		}
		n.stop()
	})
}

func TestAwaitReadyNamesWhatIsAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		n.probeErr = errors.New("[-]etcd failed")
		go n.supervise()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := n.awaitReady(ctx)
		if want := "etcd was not ready yet ([-]etcd failed): context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("awaitReady: %v, want %q", err, want)
		}
		n.stop()
	})
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		terminates bool
		signals    []string
		takes      time.Duration
	}{
		{"one that listens", true, []string{"terminate"}, 0},
		{"one that does not", false, []string{"terminate", "kill"}, stopGrace},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNursery(c.terminates)
				go n.supervise()
				synctest.Wait()
				began := time.Now()
				n.stop()
				if took := time.Since(began); took != c.takes {
					t.Errorf("stop took %v, want %v", took, c.takes)
				}
				if !slices.Equal(n.processes[0].signals, c.signals) {
					t.Errorf("signals %v, want %v", n.processes[0].signals, c.signals)
				}
			})
		})
	}
}

// TestChildThatNeverGetsReady wants a start to end, and to say what it waited for.
func TestChildThatNeverGetsReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(true)
		n.probeErr = errors.New("no leader")
		go n.supervise()
		err := n.awaitReady(t.Context())
		if !errors.Is(err, errNeverReady) || !strings.Contains(err.Error(), "no leader") {
			t.Errorf("the start ends with %v", err)
		}
		n.stop()
	})
}

func TestHungChildIsKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNursery(false)
		go n.supervise()
		synctest.Wait()
		n.hung.Store(true)
		<-time.After(2*time.Second + time.Millisecond)
		n.hung.Store(false) // It was only slow: the count begins anew.
		<-time.After(2 * time.Second)
		n.hung.Store(true)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if s := n.snapshot(); s.Restarts != 0 || !s.Ready {
			t.Fatalf("two bad answers in a row are too many: %+v", s)
		}
		<-time.After(time.Second)
		synctest.Wait()
		n.hung.Store(false)
		if s := n.snapshot(); s.Restarts != 1 || s.LastExit != "killed because it hung: 3 times in a row it did not answer as it should, at last: no answer (signal: killed)" {
			t.Errorf("status of a hung child: %+v", s)
		}
		<-time.After(firstDelay)
		synctest.Wait()
		if s := n.snapshot(); !s.Ready || len(n.processes) != 2 {
			t.Errorf("after the restart: %+v", s)
		}
		if want := []string{"kill"}; !slices.Equal(n.processes[0].signals, want) {
			t.Errorf("signals %v, want %v: what hangs does not listen", n.processes[0].signals, want)
		}
		n.processes[1].terminates = true
		n.stop()
	})
}
