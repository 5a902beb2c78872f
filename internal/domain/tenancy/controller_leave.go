package tenancy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// leave lets a Tenant object go. Its namespaces stay as they are, and so does
// its reservation while they do: what they hold is still in use. A tenant of
// the same name in the same business unit takes both over; without one the
// business unit's controller gives the reservation back once they are gone.
func (c *tenants) leave(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := c.namespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(ReasonReserveFailed, err)
	}
	if t.Status.Model == v1alpha1.ModelSharedNamespace {
		if err := c.withdraw(ctx, t); err != nil {
			return steps.Failed(ReasonApplyFailed, err)
		}
	}
	if len(home) > 0 {
		names := slices.Sorted(maps.Keys(home))
		reason := fmt.Sprintf("the Tenant object was deleted; its namespaces %s stay as they are and keep their share of the envelope", strings.Join(names, ", "))
		if err := c.record(ctx, "tenant.delete", t, kindTenant, reason, ""); err != nil {
			return steps.Failed(ReasonReserveFailed, err)
		}
		return steps.Done(ReasonReserved, reason)
	}
	if err := c.record(ctx, "tenant.delete", t, kindTenant, "the Tenant object was deleted; it has no namespaces", ""); err != nil {
		return steps.Failed(ReasonReserveFailed, err)
	}
	if err := c.ledger.release(ctx, t.Spec.BusinessUnit, tenantHolder(t)); client.IgnoreNotFound(err) != nil {
		return steps.Failed(ReasonReserveFailed, err)
	}
	return steps.Done(ReasonReserved, "The tenant's share of the envelope was given back.")
}

// withdraw takes the tenant's access to a shared namespace away: the others in
// it have nothing more to do with it.
func (c *tenants) withdraw(ctx context.Context, t *v1alpha1.Tenant) error {
	applier := c.applier(func(ctx context.Context, first apply.Ref) error {
		return c.record(ctx, "tenant.withdraw", t, kindTenant, fmt.Sprintf("the tenant leaves its shared namespace, first of all %s goes", first), "")
	})
	_, err := applier.Prune(ctx, apply.Inventory{Labels: ownerLabels(t.Name), Kinds: namespacedKinds}, nil)
	return err
}
