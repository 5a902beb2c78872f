package operator

import (
	"context"
	"fmt"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// tiers checks tiers and counts who uses them. What a tier means is
// made true by the controllers of those who use it.
type tiers struct{ *estate.Estate }

func (c *tiers) steps() []steps.Step[*v1alpha1.Tier] {
	return []steps.Step[*v1alpha1.Tier]{{Condition: tenancy.ConditionAccepted, Run: c.accept}}
}

func (c *tiers) accept(ctx context.Context, tier *v1alpha1.Tier) steps.Result {
	users, err := c.TenantsOfTier(ctx, tier.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	tier.Status.Tenants = int32(len(users))
	if errs := tenancy.ValidateTier(tier); len(errs) > 0 {
		return steps.Blocked(tenancy.ReasonFor(errs[0]), errs.ToAggregate().Error())
	}
	return steps.Done(tenancy.ReasonAccepted, "The spec is valid.")
}

// leave lets a tier go that nobody uses.
func (c *tiers) leave(ctx context.Context, tier *v1alpha1.Tier) steps.Result {
	users, err := c.TenantsOfTier(ctx, tier.Name)
	if err != nil {
		return steps.Failed(tenancy.ReasonInvalidSpec, err)
	}
	if len(users) > 0 {
		return steps.Blocked(tenancy.ReasonInUse, fmt.Sprintf("it is not deleted while it has tenants, such as %s: move them to another tier first", few(estate.Names(users))))
	}
	return steps.Done(tenancy.ReasonAccepted, "Nobody uses the tier.")
}
