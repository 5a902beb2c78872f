package override

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Place is what the labels of a namespace say of it.
type Place struct {
	// Tenant that the namespace belongs to, "" for none.
	Tenant string
	// Tier of the tenant.
	Tier string
}

// World is what decisions on overrides look at besides the override.
type World struct {
	// Policies are all policies by name.
	Policies map[string]policy.Info
	// Places are all namespaces by name.
	Places map[string]Place
	// Terms are the terms by tier, "*" for all others.
	Terms map[string]tenancyv1alpha1.TierOverrides
	// Now is the time of the decision.
	Now time.Time
}

// TermsAny is the key of the terms for tiers that have none of their own.
const TermsAny = "*"

// DefaultTerms are for tiers, and places of no tenant, that have none of their own.
func DefaultTerms() tenancyv1alpha1.TierOverrides {
	return tenancyv1alpha1.TierOverrides{MaxDays: 30, Approver: tenancyv1alpha1.ApproverPlatform}
}

// Key is the override's "namespace/name".
func Key(o *v1alpha1.PolicyOverride) string { return o.Namespace + "/" + o.Name }

// InForce tells whether the override waives something at the time: somebody
// other than its requester approved it, the grant is on the trail, and it is
// not over.
func InForce(o *v1alpha1.PolicyOverride, now time.Time) bool {
	return Approved(o) && o.Status.GrantedAt != nil && o.DeletionTimestamp == nil && now.Before(o.Spec.ExpiresAt.Time)
}

// Approved tells whether somebody other than the requester approved the override.
func Approved(o *v1alpha1.PolicyOverride) bool {
	d := o.Status.Decision
	return d != nil && d.Verdict == v1alpha1.VerdictApproved && d.By != "" && o.Spec.Requester != "" && d.By != o.Spec.Requester
}

// Ledger is what Compile makes of the overrides.
type Ledger struct {
	Spec v1alpha1.OverrideLedgerSpec
	// Full names the overrides in force for which there was no room, sorted.
	Full []string
}

// Compile returns the ledger for the overrides. The order of the overrides does
// not matter. Where there is no room for all, those that were granted last are
// left out and named.
func Compile(overrides []v1alpha1.PolicyOverride, w World) Ledger {
	ledger := Ledger{Spec: v1alpha1.OverrideLedgerSpec{
		Policies:  map[string]v1alpha1.Waivers{},
		Mandatory: mandatory(w.Policies),
		Terms:     map[string]tenancyv1alpha1.TierOverrides{TermsAny: DefaultTerms()},
	}}
	maps.Copy(ledger.Spec.Terms, w.Terms)
	room := newRoom()
	for _, o := range inForce(overrides, w.Now) {
		waivers := waiversOf(o, w)
		if !room.take(waivers) {
			ledger.Full = append(ledger.Full, Key(o))
			continue
		}
		for name, entry := range waivers {
			ledger.Spec.Policies[name] = append(ledger.Spec.Policies[name], entry)
		}
	}
	for _, entries := range ledger.Spec.Policies {
		slices.SortFunc(entries, func(a, b v1alpha1.Waiver) int { return cmp.Compare(a.Override, b.Override) })
	}
	slices.Sort(ledger.Full)
	return ledger
}

// Next is the first moment after now at which one of the overrides in force
// ends; zero if none is in force.
func Next(overrides []v1alpha1.PolicyOverride, now time.Time) time.Time {
	var next time.Time
	for _, o := range inForce(overrides, now) {
		if end := o.Spec.ExpiresAt.Time; next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

// inForce are the overrides in force in the order in which they were granted.
func inForce(overrides []v1alpha1.PolicyOverride, now time.Time) []*v1alpha1.PolicyOverride {
	var found []*v1alpha1.PolicyOverride
	for i := range overrides {
		if InForce(&overrides[i], now) {
			found = append(found, &overrides[i])
		}
	}
	slices.SortFunc(found, func(a, b *v1alpha1.PolicyOverride) int {
		return cmp.Or(a.Status.GrantedAt.Compare(b.Status.GrantedAt.Time), cmp.Compare(Key(a), Key(b)))
	})
	return found
}

func mandatory(policies map[string]policy.Info) []string {
	names := []string{}
	for name, info := range policies {
		if !info.Tier.Waivable() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// waiversOf are the entries of one override by policy: none for a Mandatory one.
func waiversOf(o *v1alpha1.PolicyOverride, w World) map[string]v1alpha1.Waiver {
	entry := scopeOf(o, w.Places[o.Namespace])
	found := map[string]v1alpha1.Waiver{}
	for _, p := range o.Spec.Policies {
		if info, known := w.Policies[p.Name]; known && !info.Tier.Waivable() {
			continue
		}
		entry.Rules = sorted(p.Rules)
		found[p.Name] = entry
	}
	return found
}

// scopeOf keeps an override of a tenant within the tenant, and one outside of
// tenants within its namespace. Only the platform's own reach everywhere.
func scopeOf(o *v1alpha1.PolicyOverride, place Place) v1alpha1.Waiver {
	scope := o.Spec.Scope
	entry := v1alpha1.Waiver{
		Override:    Key(o),
		PodSecurity: o.Spec.PodSecurity,
		Tenants:     []string{},
		Namespaces:  sorted(scope.Namespaces),
		Kinds:       sorted(scope.Kinds),
		Names:       expression(sorted(scope.Names)),
		ExpiresAt:   o.Spec.ExpiresAt,
	}
	switch {
	case Platform(o):
		entry.Tenants = sorted(scope.Tenants)
	case place.Tenant == "":
		entry.Namespaces = []string{o.Namespace}
	default:
		entry.Tenants = []string{place.Tenant}
		if len(entry.Namespaces) == 0 {
			entry.Namespaces = []string{o.Namespace}
		}
	}
	return entry
}

// Platform tells whether the override is the platform's own and may reach
// beyond its namespace.
func Platform(o *v1alpha1.PolicyOverride) bool { return o.Namespace == identity.SystemNamespace }

// sorted is a sorted copy that is never nil, because the ledger has every list.
func sorted(list []string) []string {
	copied := append([]string{}, list...)
	slices.Sort(copied)
	return copied
}

// TermsOf are the terms of the tiers by name.
func TermsOf(tiers []tenancyv1alpha1.Tier) map[string]tenancyv1alpha1.TierOverrides {
	terms := map[string]tenancyv1alpha1.TierOverrides{}
	for _, tier := range tiers {
		if tier.Spec.Overrides != nil {
			terms[tier.Name] = *tier.Spec.Overrides
		}
	}
	return terms
}

// PlaceOf reads a namespace's labels.
func PlaceOf(labels map[string]string) Place {
	return Place{Tenant: labels[tenancyv1alpha1.LabelTenant], Tier: labels[tenancyv1alpha1.LabelTier]}
}
