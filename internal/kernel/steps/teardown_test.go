package steps_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const theirs = "somebody.else/keeps"

// setFinalizers replaces the object's finalizers.
func setFinalizers(t *testing.T, b *bench, finalizers ...string) {
	t.Helper()
	object := b.read(t)
	object.Finalizers = finalizers
	if err := b.client.Update(t.Context(), object); err != nil {
		t.Fatalf("set finalizers: %v", err)
	}
}

func TestFinalizerIsThereBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	setFinalizers(t, b, theirs)
	var seen []string
	runner := b.runner(steps.Options{Finalizer: finalizer}, []step{{Run: func(context.Context, *unit) steps.Result {
		seen = b.read(t).Finalizers
		return steps.Done("Applied", "")
	}}})
	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 2 {
		t.Errorf("first pass: %v, wrote %d times, want the finalizer and the status", err, writes)
	}
	if diff := cmp.Diff([]string{theirs, finalizer}, seen); diff != "" {
		t.Errorf("finalizers that the first step saw (-want +got):\n%s", diff)
	}
	if _, writes, _, _ := b.pass(t, runner); writes != 0 {
		t.Errorf("second pass wrote %d times", writes)
	}
}

// TestHeldWhereAStepSays: the finalizer comes with the first step that leaves
// something behind, and what the pass has found out until then is not lost.
func TestHeldWhereAStepSays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	setFinalizers(t, b, theirs)
	approved := steps.Blocked("Refused", "Nobody wants it.")
	seen := map[string][]string{}
	look := func(name string, result func() steps.Result) step {
		return step{Condition: name, Holds: name == "Made", Run: func(context.Context, *unit) steps.Result {
			seen[name] = b.read(t).Finalizers
			return result()
		}}
	}
	runner := b.runner(steps.Options{Finalizer: finalizer}, []step{
		look("Approved", func() steps.Result { return approved }),
		look("Made", func() steps.Result { return steps.Done("Made", "") }),
	})
	b.pass(t, runner)
	if found := b.read(t).Finalizers; !slices.Equal(found, []string{theirs}) {
		t.Errorf("what nothing was made for is held by %v", found)
	}
	approved = steps.Done("Approved", "")
	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 2 {
		t.Errorf("%v, wrote %d times, want the finalizer and the status", err, writes)
	}
	want := map[string][]string{"Approved": {theirs}, "Made": {theirs, finalizer}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("finalizers that the steps saw (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Approved=True Approved: ", "Made=True Made: ", "Ready=True Ready: Everything that was asked for is in place."}, told(b.read(t))); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if _, writes, _, _ := b.pass(t, runner); writes != 0 {
		t.Errorf("another pass wrote %d times", writes)
	}
}

func TestFinalizerOfOthersIsNotLostToAnOldRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.read(t)
	setFinalizers(t, b, theirs)
	b.stale.Store(old)
	runner := b.runner(steps.Options{Finalizer: finalizer}, nil)
	result, _, _, err := b.pass(t, runner)
	if err != nil || result.RequeueAfter == 0 {
		t.Errorf("Reconcile = %v, %v, want a quiet retry", result, err)
	}
	b.stale.Store(nil)
	if !slices.Contains(b.read(t).Finalizers, theirs) {
		t.Error("somebody else's finalizer is gone")
	}
}

func TestTeardown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var ran []string
	drained := steps.Blocked("LegalHold", "Hold 7 is in force.")
	runner := b.runner(steps.Options{Finalizer: finalizer},
		[]step{ends("Applied", steps.Done("Applied", ""))},
		step{Condition: "Cordoned", Run: func(context.Context, *unit) steps.Result {
			ran = append(ran, "cordon")
			return steps.Done("Cordoned", "")
		}},
		step{Condition: "Drained", Run: func(context.Context, *unit) steps.Result {
			ran = append(ran, "drain")
			return drained
		}},
	)
	b.pass(t, runner)
	if err := b.client.Delete(t.Context(), b.read(t)); err != nil {
		t.Fatal(err)
	}

	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 1 {
		t.Errorf("blocked teardown: %v, %d writes, want the status", err, writes)
	}
	want := []string{
		"Applied=True Applied: ", "Ready=False LegalHold: Hold 7 is in force.",
		"Cordoned=True Cordoned: ", "Drained=False LegalHold: Hold 7 is in force.",
	}
	if diff := cmp.Diff(want, told(b.read(t))); diff != "" {
		t.Errorf("blocked teardown (-want +got):\n%s", diff)
	}

	drained = steps.Done("Drained", "")
	if _, writes, _, err := b.pass(t, runner); err != nil || writes != 1 {
		t.Errorf("finished teardown: %v, %d writes, want the finalizer's", err, writes)
	}
	kubetest.Eventually(t, time.Minute, "the object goes after the teardown", func() error {
		if err := b.client.Get(t.Context(), b.key, newUnit()); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there: %w", err)
		}
		return nil
	})
	if diff := cmp.Diff([]string{"cordon", "drain", "cordon", "drain"}, ran); diff != "" {
		t.Errorf("teardown steps (-want +got):\n%s", diff)
	}
}

func TestDeletedObjectOfOthersIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	setFinalizers(t, b, theirs)
	if err := b.client.Delete(t.Context(), b.read(t)); err != nil {
		t.Fatal(err)
	}
	never := step{Run: func(context.Context, *unit) steps.Result {
		t.Error("a step ran for an object that has been let go")
		return steps.Done("", "")
	}}
	for name, opts := range map[string]steps.Options{"with a finalizer": {Finalizer: finalizer}, "without one": {}} {
		if _, writes, _, err := b.pass(t, b.runner(opts, []step{never}, never)); client.IgnoreNotFound(err) != nil || writes != 0 {
			t.Errorf("a runner %s: %v, %d writes", name, err, writes)
		}
	}
}
