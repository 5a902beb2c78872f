package tenancy

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// tiersController checks tiers and counts who uses them. What a tier means is
// made true by the controllers of those who use it.
type tiersController struct{ *cluster }

func (c *tiersController) steps() []steps.Step[*v1alpha1.Tier] {
	return []steps.Step[*v1alpha1.Tier]{{Condition: ConditionAccepted, Run: c.accept}}
}

func (c *tiersController) accept(ctx context.Context, tier *v1alpha1.Tier) steps.Result {
	users, err := c.users(ctx, tier.Name)
	if err != nil {
		return steps.Failed(ReasonInvalidSpec, err)
	}
	tier.Status.Tenants = int32(len(users)) //nolint:gosec // etcd holds fewer.
	if errs := ValidateTier(tier); len(errs) > 0 {
		return steps.Blocked(ReasonFor(errs[0]), errs.ToAggregate().Error())
	}
	return steps.Done(ReasonAccepted, "The spec is valid.")
}

// users are the names of the tier's tenants.
func (c *tiersController) users(ctx context.Context, tier string) ([]string, error) {
	var list v1alpha1.TenantList
	if err := c.client.List(ctx, &list, append(glance, client.MatchingFields{tierIndex: tier})...); err != nil {
		return nil, fmt.Errorf("list tenants of tier %q: %w", tier, err)
	}
	found := make([]string, 0, len(list.Items))
	for i := range list.Items {
		found = append(found, list.Items[i].Name)
	}
	return found, nil
}

// tierIndex indexes tenants by their tier.
const tierIndex = "spec.tier"

func tierOf(obj client.Object) []string { return []string{obj.(*v1alpha1.Tenant).Spec.Tier} }

// leave lets a tier go that nobody uses.
func (c *tiersController) leave(ctx context.Context, tier *v1alpha1.Tier) steps.Result {
	users, err := c.users(ctx, tier.Name)
	if err != nil {
		return steps.Failed(ReasonInvalidSpec, err)
	}
	if len(users) > 0 {
		return steps.Blocked(ReasonInUse, fmt.Sprintf("it is not deleted while it has tenants, such as %s: move them to another tier first", names(users)))
	}
	return steps.Done(ReasonAccepted, "Nobody uses the tier.")
}
