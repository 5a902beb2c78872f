package steps_test

import (
	"context"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

func TestBriefWaitOfANewObjectIsToldOnlyWhenItLasts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock := clocktesting.NewFakeClock(noon)
	outcome := steps.Waiting("Soon", "it takes an instant", 0).Briefly()
	runner := steps.New(b.client, newUnit, steps.Options{Name: "steps-test", Clock: clock},
		[]step{{Condition: "Done", Run: func(_ context.Context, _ *unit) steps.Result { return outcome }}})
	if result, writes, _, err := b.pass(t, runner); err != nil || writes != 0 || result.RequeueAfter != time.Second {
		t.Fatalf("first pass wrote %d times and ends with %+v, %v; want no write and another look in a second", writes, result, err)
	}
	outcome = steps.Waiting("Soon", "it takes an instant", 100*time.Millisecond).Briefly()
	if result, writes, _, err := b.pass(t, runner); err != nil || writes != 0 || result.RequeueAfter != 100*time.Millisecond {
		t.Fatalf("a wait with a time of its own wrote %d times and ends with %+v, %v; want another look by that time", writes, result, err)
	}
	clock.Step(time.Second)
	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 1 {
		t.Fatalf("after a second it wrote %d times, %v; want the status", writes, err)
	}
	if ready := condition.Get(b.read(t).Status.Conditions, condition.Ready); ready == nil || ready.Reason != "Soon" {
		t.Errorf("Ready is %+v, want the reason of the wait", ready)
	}
	outcome = steps.Waiting("Later", "it takes another instant", 0).Briefly()
	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 1 {
		t.Errorf("an object that was told something was told nothing new: %d writes, %v", writes, err)
	}
}
