package operator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// leave lets a Tenant object go. Its namespaces stay as they are, and so does
// its reservation while they do: what they hold is still in use. A tenant of
// the same name in the same business unit takes both over; without one the
// business unit's controller gives the reservation back once they are gone.
func (c *tenants) leave(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	home, err := c.NamespacesOf(ctx, t.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	if t.Status.Model == v1alpha1.ModelSharedNamespace {
		if err := c.Withdraw(ctx, t); err != nil {
			return steps.Failed(tenancy.ReasonApplyFailed, err)
		}
	}
	if len(home) > 0 {
		names := slices.Sorted(maps.Keys(home))
		reason := fmt.Sprintf("the Tenant object was deleted; its namespaces %s stay as they are and keep their share of the envelope", strings.Join(names, ", "))
		if err := c.RecordBefore(ctx, "tenant.delete", t, estate.KindTenant, reason); err != nil {
			return steps.Failed(tenancy.ReasonReserveFailed, err)
		}
		return steps.Done(tenancy.ReasonReserved, reason)
	}
	if err := c.RecordBefore(ctx, "tenant.delete", t, estate.KindTenant, "the Tenant object was deleted; it has no namespaces"); err != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	if err := c.ledger.Release(ctx, t.Spec.BusinessUnit, estate.TenantHolder(t)); client.IgnoreNotFound(err) != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	return steps.Done(tenancy.ReasonReserved, "The tenant's share of the envelope was given back.")
}
