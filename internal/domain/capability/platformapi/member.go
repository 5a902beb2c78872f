package platformapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// member refuses what the tenant gives a caller from outside of the cluster no
// role for. The Tenant says who has which, for kubectl and for this API alike;
// nobody is impersonated to find out.
func (h *Handler) member(ctx context.Context, to *target) *problem.Problem {
	tenant, err := h.catalogue.Tenant(ctx, to.caller.Tenant)
	if err != nil {
		return h.failure(err)
	}
	var roles []string
	if tenant != nil {
		roles = rolesOf(tenant.Spec.Access, to.caller)
	}
	switch {
	case len(roles) == 0:
		return refusal(http.StatusForbidden, fmt.Sprintf("%q has no role in tenant %q: have it, or one of its groups, named in spec.access of the Tenant", to.caller.Name, to.caller.Tenant))
	case !slices.ContainsFunc(roles, func(role string) bool { return capability.TenantMay(role, to.verb) }):
		return refusal(http.StatusForbidden, fmt.Sprintf("%q may not %s %s in tenant %q, where it is %s", to.caller.Name, to.verb, to.resource.Resource, to.caller.Tenant, strings.Join(roles, " and ")))
	}
	return nil
}

// rolesOf are those that a tenant gives a caller, by its name or by a group.
func rolesOf(access tenancyv1alpha1.TenantAccess, caller Caller) []string {
	var roles []string
	for _, given := range []struct {
		role string
		to   []tenancyv1alpha1.Subject
	}{{"viewer", access.Viewers}, {"developer", access.Developers}, {"admin", access.Admins}} {
		if slices.ContainsFunc(given.to, func(s tenancyv1alpha1.Subject) bool { return names(s, caller) }) {
			roles = append(roles, given.role)
		}
	}
	return roles
}

// names says whether a subject is the caller, or a group of his.
func names(s tenancyv1alpha1.Subject, caller Caller) bool {
	if s.Kind == "User" {
		return s.Name == caller.Name
	}
	return slices.Contains(caller.Groups, s.Name)
}
