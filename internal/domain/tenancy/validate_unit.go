package tenancy

import (
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// ValidateUnit says everything that is wrong with a business unit in this
// world: its place in the tree, what it claims beyond its parent, its envelope
// against what is reserved already. Errors are like those of Validate.
func ValidateUnit(u *v1alpha1.BusinessUnit, w World) field.ErrorList {
	errs := validateSubjects(spec.Child("admins"), u.Spec.Admins)
	errs = append(errs, validateEnvelope(u)...)
	errs = append(errs, validateSharedNames(u, w)...)
	line, err := World{Units: with(w.Units, u)}.Lineage(u.Name)
	if err != nil {
		return append(errs, lineageProblem(u, w, err))
	}
	if len(line) > 1 {
		errs = append(errs, validateChild(u, line[1:])...)
	}
	return errs
}

// with is units with u in its newest form.
func with(units map[string]*v1alpha1.BusinessUnit, u *v1alpha1.BusinessUnit) map[string]*v1alpha1.BusinessUnit {
	all := map[string]*v1alpha1.BusinessUnit{}
	maps.Copy(all, units)
	all[u.Name] = u
	return all
}

func lineageProblem(u *v1alpha1.BusinessUnit, w World, err error) *field.Error {
	path := spec.Child("parent")
	if errors.Is(err, ErrCycle) {
		return problem(ReasonCyclicBusinessUnit, path, u.Spec.Parent, "the line of parents comes back to where it was: %v; choose a parent that is not below it", err)
	}
	return problem(ReasonUnknownBusinessUnit, path, u.Spec.Parent, "%v: choose one of %s", err, names(keys(w.Units)))
}

// validateChild checks a business unit against all above it: no child may do
// what one of them must not.
func validateChild(u *v1alpha1.BusinessUnit, above []*v1alpha1.BusinessUnit) field.ErrorList {
	var errs field.ErrorList
	for i, value := range u.Spec.Jurisdictions {
		if unit := refuser(above, value, jurisdictions); unit != nil {
			errs = append(errs, problem(ReasonJurisdictionNotAllowed, spec.Child("jurisdictions").Index(i), value,
				"business unit %q above it keeps no data there: choose among %s", unit.Name, names(common(above, jurisdictions))))
		}
	}
	for i, value := range u.Spec.Tiers {
		if unit := refuser(above, value, tiers); unit != nil {
			errs = append(errs, problem(ReasonTierNotAllowed, spec.Child("tiers").Index(i), value,
				"business unit %q above it does not admit this tier: choose among %s", unit.Name, names(common(above, tiers))))
		}
	}
	for _, m := range missing(above, u.Spec.Envelope) {
		errs = append(errs, required(ReasonInvalidEnvelope, spec.Child("envelope").Key(string(m.resource)),
			"business unit %q above it limits this, so it must be limited here too: set it", m.unit))
	}
	return errs
}

func validateEnvelope(u *v1alpha1.BusinessUnit) field.ErrorList {
	path := spec.Child("envelope")
	errs := validateList(ReasonInvalidEnvelope, path, u.Spec.Envelope)
	if len(errs) > 0 {
		return errs
	}
	for _, name := range keys(u.Spec.Envelope) {
		if !quota.Budgeted(name) {
			errs = append(errs, problem(ReasonInvalidEnvelope, path.Key(string(name)), string(name),
				"an envelope limits compute, storage, pods, claims and load balancers; numbers of other objects are capped in each namespace: remove it"))
		}
	}
	for _, excess := range quota.Exceeded(u.Spec.Envelope, u.Status.Reservations) {
		errs = append(errs, problem(ReasonInvalidEnvelope, path.Key(string(excess.Resource)), excess.Envelope.String(),
			"%s is reserved already, which is %s more: raise the envelope or shrink tenants first", excess.Reserved.String(), excess.Over.String()))
	}
	return errs
}

// validateSharedNames refuses a business unit whose shared namespace would be
// another's as well: tier "a" of unit "b-c" and tier "a-b" of unit "c".
func validateSharedNames(u *v1alpha1.BusinessUnit, w World) field.ErrorList {
	mine := map[string]bool{}
	for tier := range w.Tiers {
		mine[SharedName(tier, u.Name)] = true
	}
	for _, other := range keys(w.Units) {
		for _, tier := range keys(w.Tiers) {
			if other != u.Name && mine[SharedName(tier, other)] {
				return one(problem(ReasonNamespaceTaken, field.NewPath("metadata", "name"), u.Name,
					"its shared namespace would be %q, which business unit %q has: choose another name", SharedNamespace(tier, other), other))
			}
		}
	}
	return nil
}

// ValidateTier says everything that is wrong with a tier. Errors are like those
// of Validate.
func ValidateTier(tier *v1alpha1.Tier) field.ErrorList {
	errs := validateList(ReasonInvalidQuota, spec.Child("quota"), tier.Spec.Quota)
	errs = append(errs, validateClasses(tier.Spec.StorageClasses)...)
	errs = append(errs, validateLimits(tier)...)
	if model := tier.Spec.Isolation.Default; model != "" && !slices.Contains(tier.Spec.Isolation.Allowed, model) {
		errs = append(errs, problem(ReasonModelNotAllowed, spec.Child("isolation", "default"), model,
			"is not among the allowed models: add it to spec.isolation.allowed"))
	}
	if len(errs) > 0 {
		return errs
	}
	for _, short := range quota.Shortages(tier.Spec.Quota) {
		errs = append(errs, problem(ReasonInvalidQuota, spec.Child("quota").Key(string(short.Resource)), short.Share.String(), "%s: raise it", short))
	}
	return errs
}

// limited are the container resources whose quota makes pods need a request
// or a limit: without a default, ordinary pods would be refused.
var limited = []struct {
	quota     corev1.ResourceName
	container corev1.ResourceName
	isLimit   bool
}{
	{corev1.ResourceLimitsCPU, corev1.ResourceCPU, true},
	{corev1.ResourceLimitsMemory, corev1.ResourceMemory, true},
	{corev1.ResourceLimitsEphemeralStorage, corev1.ResourceEphemeralStorage, true},
	{corev1.ResourceRequestsCPU, corev1.ResourceCPU, false},
	{corev1.ResourceRequestsMemory, corev1.ResourceMemory, false},
	{corev1.ResourceRequestsEphemeralStorage, corev1.ResourceEphemeralStorage, false},
}

func validateLimits(tier *v1alpha1.Tier) field.ErrorList {
	path, limits := spec.Child("limits"), tier.Spec.Limits
	var errs field.ErrorList
	for _, pair := range []struct {
		low, high         corev1.ResourceList
		lowName, highName string
	}{
		{limits.Min, limits.DefaultRequest, "min", "defaultRequest"},
		{limits.DefaultRequest, limits.Default, "defaultRequest", "default"},
		{limits.Default, limits.Max, "default", "max"},
		{limits.DefaultRequest, limits.Max, "defaultRequest", "max"},
		{limits.Min, limits.Max, "min", "max"},
	} {
		for _, name := range keys(pair.low) {
			low, high := pair.low[name], pair.high[name]
			if _, both := pair.high[name]; both && low.Cmp(high) > 0 {
				errs = append(errs, problem(ReasonInvalidLimits, path.Child(pair.lowName).Key(string(name)), low.String(),
					"must be at most %s's %s: lower it or raise the other", pair.highName, high.String()))
			}
		}
	}
	return append(errs, validateDefaults(tier)...)
}

func validateDefaults(tier *v1alpha1.Tier) field.ErrorList {
	var errs field.ErrorList
	for _, l := range limited {
		child, defaults := "defaultRequest", tier.Spec.Limits.DefaultRequest
		if l.isLimit {
			child, defaults = "default", tier.Spec.Limits.Default
		}
		_, capped := tier.Spec.Quota[l.quota]
		if _, ok := defaults[l.container]; capped && !ok {
			errs = append(errs, required(ReasonInvalidLimits, spec.Child("limits", child).Key(string(l.container)),
				"the quota names %s, so a pod without it would be refused: set a default", l.quota))
		}
	}
	return errs
}
