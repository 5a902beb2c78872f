package operator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// keeping has a step that cannot go on, because somebody must act first, keep
// what was provisioned: that a new wish is refused is no reason to leave the
// old one without its guardrails.
func (c *tenants) keeping(step func(context.Context, *v1alpha1.Tenant) steps.Result) func(context.Context, *v1alpha1.Tenant) steps.Result {
	return func(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
		result := step(ctx, t)
		if result.Outcome != steps.OutcomeBlocked && result.Outcome != steps.OutcomeWaiting {
			return result
		}
		if err := c.keep(ctx, t); err != nil {
			return steps.Failed(result.Reason, fmt.Errorf("%s; keep what was provisioned before: %w", result.Message, err))
		}
		return result
	}
}

// keep repairs the tenant's namespaces, as far as they are still there and its
// own, by what they were last brought to, and opens their gates again. Quotas
// that its share of the envelope no longer covers are left as they are.
func (c *tenants) keep(ctx context.Context, t *v1alpha1.Tenant) error {
	was, w, ok := tenancy.AsProvisioned(t, c.Settings)
	if !ok || offboard.Leaving(t) || !c.ledger.Covers(ctx, was.Spec.BusinessUnit, estate.TenantHolder(t), was.Status.Quota) {
		return nil
	}
	objects, err := tenancy.Plan(was, w)
	if err != nil {
		return err
	}
	standing, lost, err := c.standing(ctx, was)
	if err != nil || len(standing) == 0 {
		return err
	}
	if err := c.bring(ctx, was, estate.Outside(lost, estate.KeepAccess(objects)), true); err != nil {
		return err
	}
	_, err = c.openComplete(ctx, was, standing)
	return err
}

// standing are the tenant's namespaces that exist, are still its own and are
// not being deleted; lost are the names of the others.
func (c *tenants) standing(ctx context.Context, t *v1alpha1.Tenant) (standing []tenancy.Place, lost []string, err error) {
	label := t.Name
	if estate.Shared(t) {
		label = tenancy.SharedName(t.Spec.Tier, t.Spec.BusinessUnit)
	}
	for _, place := range placesOf(t) {
		var ns corev1.Namespace
		err := c.Client.Get(ctx, types.NamespacedName{Name: place.Namespace}, &ns, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return nil, nil, fmt.Errorf("read namespace %q: %w", place.Namespace, err)
		}
		has := ns.Labels[v1alpha1.LabelTenant]
		stripped := has == "" && estate.Had(t, place.Namespace)
		if apierrors.IsNotFound(err) || !ns.DeletionTimestamp.IsZero() || (has != label && !stripped) {
			lost = append(lost, place.Namespace)
		} else {
			standing = append(standing, place)
		}
	}
	return standing, lost, nil
}
