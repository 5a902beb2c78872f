package operator

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// flags says of FeatureFlags who uses them. What they open, the API server and
// the gateway read from them.
type flags struct{ *registry }

func (f *flags) steps() []steps.Step[*v1alpha1.FeatureFlag] {
	return []steps.Step[*v1alpha1.FeatureFlag]{{Condition: capability.ConditionAccepted, Run: f.accept}}
}

func (f *flags) accept(ctx context.Context, flag *v1alpha1.FeatureFlag) steps.Result {
	all, err := f.all(ctx)
	if err != nil {
		return steps.Failed(capability.ReasonFlagUnused, err)
	}
	flag.Status.UsedBy = flagUsers(flag.Name, all)
	if len(flag.Status.UsedBy) == 0 {
		return steps.Done(capability.ReasonFlagUnused, "No alpha version of a capability names the flag.")
	}
	return steps.Done(capability.ReasonFlagInUse, fmt.Sprintf("The flag opens %s.", strings.Join(flag.Status.UsedBy, ", ")))
}

// leave has nothing to undo: without the flag, what it opened is closed.
func (f *flags) leave(context.Context, *v1alpha1.FeatureFlag) steps.Result {
	return steps.Done(capability.ReasonWithdrawn, "The flag is gone; what it opened is closed.")
}

func (f *flags) watches(b *builder.Builder) *builder.Builder {
	return b.Watches(&v1alpha1.Capability{}, handler.EnqueueRequestsFromMapFunc(named), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
}

// named are the flags that a Capability names.
func named(_ context.Context, obj client.Object) []reconcile.Request {
	c, ok := obj.(*v1alpha1.Capability)
	if !ok {
		return nil
	}
	var found []reconcile.Request
	for i := range c.Spec.Versions {
		if flag := c.Spec.Versions[i].Flag; flag != "" {
			found = append(found, reconcile.Request{NamespacedName: types.NamespacedName{Name: flag}})
		}
	}
	return found
}
