package operator

import (
	"context"
	"slices"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// newcomers are the tenants of the business unit that nobody has looked at yet
// and that can be accepted as they are, oldest first, each with the share that
// it is going to ask for. Who is left out by mistake asks for himself later.
func (c *tenants) newcomers(ctx context.Context, unit string) []estate.Claim {
	members, err := c.TenantsIn(ctx, unit)
	if err != nil {
		return nil
	}
	members = slices.DeleteFunc(members, func(t *v1alpha1.Tenant) bool { return !isNew(t) })
	if len(members) == 0 {
		return nil
	}
	w, err := c.World(ctx)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(members, func(a, b *v1alpha1.Tenant) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	var claims []estate.Claim
	for _, t := range members {
		home, err := c.NamespacesOf(ctx, t.Name)
		if err != nil || len(home) > 0 {
			continue
		}
		if refused, _ := refusal(t, w, home); !refused {
			claims = append(claims, estate.Claim{Holder: estate.TenantHolder(t), Asked: quota.Effective(t, w.Tiers[t.Spec.Tier])})
		}
	}
	return claims
}

// isNew says whether nobody has looked at the tenant yet. It may lack our
// finalizer: should it be deleted before it gets that, its business unit's
// sweep gives the share back.
func isNew(t *v1alpha1.Tenant) bool {
	return len(t.Status.Conditions) == 0 && t.DeletionTimestamp.IsZero() && !offboard.Leaving(t)
}
