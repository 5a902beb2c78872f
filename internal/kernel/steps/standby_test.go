package steps

import (
	"context"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestStandbyVouchesUntilItIsElected(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	elected := make(chan struct{})
	beats := make(chan struct{})
	ended := make(chan error, 1)
	s := standby{beat: func() { beats <- struct{}{} }, clock: clock, elected: elected}
	go func() { ended <- s.Start(context.Background()) }()
	for range 3 {
		waitForTimer(t, clock)
		clock.Step(heartbeatEvery)
		<-beats
	}
	close(elected)
	if err := <-ended; err != nil {
		t.Errorf("Start = %v", err)
	}
}

func TestStandbyOfALeaderSaysNothing(t *testing.T) {
	t.Parallel()
	elected := make(chan struct{})
	close(elected)
	s := standby{beat: func() { t.Error("vouched for a controller that runs") }, clock: clocktesting.NewFakeClock(time.Time{}), elected: elected}
	if err := s.Start(t.Context()); err != nil {
		t.Errorf("Start = %v", err)
	}
}

// waitForTimer returns when somebody waits on the clock.
func waitForTimer(t *testing.T, clock *clocktesting.FakeClock) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !clock.HasWaiters(); {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits on the clock")
		}
	}
}

func TestAlike(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		a, b   string
		want   bool
	}{
		"Ports":       {"ports differ between attempts", "dial 127.0.0.1:40001: refused", "dial 127.0.0.1:52113: refused", true},
		"Identifiers": {"so do identifiers", "request 3f2a-99c1 timed out", "request 77b0-1e2d timed out", true},
		"Words":       {"another cause is another message", "dial 127.0.0.1:40001: refused", "dial 127.0.0.1:40001: timed out", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := alike(tc.a, tc.b); got != tc.want {
				t.Errorf("alike() = %t: %s", got, tc.reason)
			}
		})
	}
}
