package steps_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// TestStepThatHangsIsTold wants the time of a pass to suffice for saying that a
// step has used it up.
func TestStepThatHangsIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var written *unit
		memory := interceptor.NewClient(nil, interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return nil
			},
			SubResourcePatch: func(ctx context.Context, _ client.Client, _ string, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
				written = object.(*unit)
				return ctx.Err()
			},
		})
		hangs := step{Condition: "Applied", Run: func(ctx context.Context, _ *unit) steps.Result {
			<-ctx.Done()
			return steps.Failed("ApplyFailed", fmt.Errorf("ask the registry: %w", ctx.Err()))
		}}
		runner := steps.New(memory, newUnit, steps.Options{Name: "steps-test"}, []step{ends("Reserved", steps.Done("Reserved", "")), hangs})
		limited, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if _, err := runner.Reconcile(limited, reconcile.Request{}); err == nil {
			t.Error("a step that hung is not tried again")
		}
		if limited.Err() != nil {
			t.Fatal("nothing is left of the pass's time")
		}
		if applied := condition.Get(written.Status.Conditions, "Applied"); applied == nil || applied.Reason != "ApplyFailed" {
			t.Errorf("told is %v", told(written))
		}
	})
}
