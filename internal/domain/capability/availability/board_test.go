package availability_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/availability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// server is a provisioner whose server comes and goes.
type server struct {
	provision.Builtin

	asked chan struct{} // an element for each question

	mu  sync.Mutex
	why error // guarded by mu
}

func (s *server) Available(context.Context) error {
	s.asked <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

func (s *server) now(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
}

// TestBoard wants a change told within the interval, or at once after Look, and
// nothing told or asked otherwise.
func TestBoard(t *testing.T) {
	t.Parallel()
	database := &server{why: errors.New("dial 10.0.0.1:5432: refused"), asked: make(chan struct{}, 8)}
	unused := &server{asked: make(chan struct{}, 8)}
	clock := clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	told := make(chan struct{}, 8)
	board := availability.New(map[string]provision.Builtin{"database": database, "unused": unused}, clock, func(context.Context) { told <- struct{}{} })
	says := func(want string) {
		t.Helper()
		got := ""
		if err := board.Available(t.Context(), "database"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	for range 3 {
		says("dial 10.0.0.1:5432: refused")
	}
	if asked := len(database.asked); asked != 1 {
		t.Errorf("it was asked %d times, want once", asked)
	}
	<-database.asked
	database.now(nil)
	if err := board.Available(t.Context(), "nobody"); err == nil {
		t.Error("a provisioner that there is not can work")
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- board.Run(ctx) }()
	look := func() {
		board.Look()
		<-database.asked
	}
	look()
	<-told
	says("")
	database.now(errors.New("read 10.0.0.1:40001: reset"))
	look()
	<-told
	says("read 10.0.0.1:40001: reset")
	// Another port is no news; that it works again is.
	database.now(errors.New("read 10.0.0.1:40002: reset"))
	look()
	look()
	says("read 10.0.0.1:40001: reset")
	database.now(nil)
	clock.Step(availability.Every)
	<-told
	says("")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(told) != 0 {
		t.Errorf("%d changes were told that were none", len(told))
	}
	if len(unused.asked) != 0 {
		t.Error("a provisioner that no capability uses is asked")
	}
}
