package operator

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// applyShrinkingFirst applies the objects such that the quotas of a tenant's
// namespaces never add up to more than before or after: when shares move from
// one namespace to another, what shrinks is written before anything grows.
func (c *tenants) applyShrinkingFirst(ctx context.Context, applier *apply.Applier, objects []client.Object) (apply.Report, error) {
	smaller, err := c.shrinking(ctx, objects)
	if err != nil || len(smaller) == 0 {
		return apply.Report{}, err
	}
	return applier.Apply(ctx, smaller)
}

// shrinking are the quotas among objects of which something shrinks, each as
// far as it shrinks. A quota alone shares with nobody.
func (c *tenants) shrinking(ctx context.Context, objects []client.Object) ([]client.Object, error) {
	var smaller []client.Object
	count := 0
	for _, obj := range objects {
		want, is := obj.(*corev1.ResourceQuota)
		if !is {
			continue
		}
		count++
		var live corev1.ResourceQuota
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(want), &live, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read quota %q: %w", want.Name, err)
		}
		if hard, shrinks := atMost(want.Spec.Hard, live.Spec.Hard); shrinks {
			lowered := want.DeepCopy()
			lowered.Spec.Hard = hard
			smaller = append(smaller, lowered)
		}
	}
	if count < 2 {
		return nil, nil
	}
	return slices.Clip(smaller), nil
}

// atMost is want, with nothing of it above live, and whether anything of it is
// below.
func atMost(want, live corev1.ResourceList) (list corev1.ResourceList, below bool) {
	list = want.DeepCopy()
	for name, amount := range want {
		now, limited := live[name]
		switch {
		case !limited || amount.Cmp(now) < 0:
			below = true
		default:
			list[name] = now.DeepCopy()
		}
	}
	return list, below
}
