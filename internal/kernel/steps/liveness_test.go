package steps_test

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

func TestLiveness(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(noon)
	liveness := steps.NewLiveness(clock, steps.SilenceLimit)
	check := func(want string) {
		t.Helper()
		got := ""
		if err := liveness.Check(t.Context()); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("Check() = %q, want %q", got, want)
		}
	}

	check("")
	liveness.Expect("tier")
	liveness.Expect("tenant")
	check("controller \"tenant\" has not begun to reconcile\ncontroller \"tier\" has not begun to reconcile")
	liveness.Beat("tier")
	liveness.Beat("tenant")
	check("")
	liveness.Expect("tier") // announced twice is announced once
	clock.SetTime(noon.Add(29 * time.Second))
	liveness.Beat("tier")
	check("")
	clock.SetTime(noon.Add(30 * time.Second))
	check("controller \"tenant\" has been silent for 30s")
	clock.SetTime(noon.Add(2 * time.Minute))
	check("controller \"tenant\" has been silent for 2m0s\ncontroller \"tier\" has been silent for 1m31s")
	liveness.Beat("tenant")
	liveness.Beat("tier")
	check("")
}
