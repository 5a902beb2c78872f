package verb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

// lines hands on each write.
type lines chan string

func (l lines) Write(text []byte) (int, error) {
	l <- string(text)
	return len(text), nil
}

func TestSlowWorkIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	said := make(lines)
	s.Err = said
	fake := s.Clock.(*clocktesting.FakeClock)
	failure := errors.New("did not work")
	err := s.Program().Slowly("counting", func() error {
		for !fake.HasWaiters() {
			if t.Context().Err() != nil {
				return t.Context().Err()
			}
		}
		fake.Step(2 * time.Second)
		if line := <-said; line != "counting ...\n" {
			t.Errorf("said %q", line)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("error %v, want the work's own", err)
	}
}

func TestQuickWorkIsSilent(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	if err := s.Program().Slowly("counting", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if s.Stderr.Len() > 0 {
		t.Errorf("said %q", s.Stderr.String())
	}
}

func TestPollEndsWithItsCheckOrItsContext(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	fake := s.Clock.(*clocktesting.FakeClock)
	calls := 0
	err := s.Program().Poll(t.Context(), time.Second, func() (bool, error) {
		calls++
		fake.Step(time.Second)
		return calls == 3, nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.Program().Poll(ended, time.Second, func() (bool, error) { return false, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	late, cancel := context.WithDeadline(t.Context(), fake.Now())
	defer cancel()
	err = s.Program().Poll(late, time.Second, func() (bool, error) { return false, errors.New("would exceed context deadline") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the time is over", err)
	}
}
