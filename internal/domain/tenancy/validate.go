package tenancy

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

var spec = field.NewPath("spec")

// Validate says everything that is wrong with a tenant in this world: what the
// API's own schema cannot say because it takes the tier, the business units
// above the tenant or its neighbours to know. Each error names the field, what
// is wrong and what to do; ReasonFor gives its condition reason. The order is
// always the same.
func Validate(t *v1alpha1.Tenant, w World) field.ErrorList {
	tier, errs := validateTierOf(t, w)
	line, lineErrs := validateLineage(t, w)
	errs = append(errs, lineErrs...)
	errs = append(errs, validateAgainstUnits(t, line)...)
	errs = append(errs, validateNamespaces(t, w)...)
	errs = append(errs, validateSubjects(spec.Child("access", "admins"), t.Spec.Access.Admins)...)
	errs = append(errs, validateSubjects(spec.Child("access", "developers"), t.Spec.Access.Developers)...)
	errs = append(errs, validateSubjects(spec.Child("access", "viewers"), t.Spec.Access.Viewers)...)
	errs = append(errs, validatePeers(t)...)
	errs = append(errs, validateQuotaKeys(t)...)
	errs = append(errs, validateLifecycle(t)...)
	if tier == nil {
		return errs
	}
	errs = append(errs, validateModel(t, tier, line, w.Settings)...)
	errs = append(errs, validateEgress(t, tier, w.Settings)...)
	if len(errs) > 0 {
		return errs // sums of quotas that are wrong one by one would only confuse
	}
	return validateQuotaSums(t, tier, line)
}

func validateTierOf(t *v1alpha1.Tenant, w World) (*v1alpha1.Tier, field.ErrorList) {
	tier, ok := w.Tiers[t.Spec.Tier]
	if ok {
		return tier, nil
	}
	return nil, one(problem(ReasonUnknownTier, spec.Child("tier"), t.Spec.Tier,
		"no such tier: choose one of %s", names(keys(w.Tiers))))
}

func validateLineage(t *v1alpha1.Tenant, w World) ([]*v1alpha1.BusinessUnit, field.ErrorList) {
	line, err := w.Lineage(t.Spec.BusinessUnit)
	switch {
	case err == nil:
		return line, nil
	case len(line) == 0:
		return nil, one(problem(ReasonUnknownBusinessUnit, spec.Child("businessUnit"), t.Spec.BusinessUnit,
			"no such business unit: choose one of %s", names(keys(w.Units))))
	default:
		return line, one(problem(ReasonUnknownBusinessUnit, spec.Child("businessUnit"), t.Spec.BusinessUnit,
			"its line of parents is broken: %v; a platform admin must repair the tree", err))
	}
}

// validateAgainstUnits asks the tenant's business unit and each above it about
// tiers and jurisdictions: what one of them forbids, none below can allow. Cost
// centres belong to one business unit each, so only the tenant's own is asked.
func validateAgainstUnits(t *v1alpha1.Tenant, line []*v1alpha1.BusinessUnit) field.ErrorList {
	var errs field.ErrorList
	for i, jurisdiction := range t.Spec.Jurisdictions {
		if unit := refuser(line, jurisdiction, jurisdictions); unit != nil {
			errs = append(errs, problem(ReasonJurisdictionNotAllowed, spec.Child("jurisdictions").Index(i), jurisdiction,
				"business unit %q keeps no data there: choose among %s", unit.Name, names(common(line, jurisdictions))))
		}
	}
	if unit := refuser(line, t.Spec.Tier, tiers); unit != nil {
		errs = append(errs, problem(ReasonTierNotAllowed, spec.Child("tier"), t.Spec.Tier,
			"business unit %q does not admit this tier: choose among %s", unit.Name, names(common(line, tiers))))
	}
	if unit := refuser(line[:min(1, len(line))], t.Spec.CostCenter, costCenters); unit != nil {
		errs = append(errs, problem(ReasonCostCenterNotAllowed, spec.Child("costCenter"), t.Spec.CostCenter,
			"business unit %q does not own this cost centre: choose among %s", unit.Name, names(unit.Spec.CostCenters)))
	}
	return errs
}

func jurisdictions(u *v1alpha1.BusinessUnit) []string { return u.Spec.Jurisdictions }
func tiers(u *v1alpha1.BusinessUnit) []string         { return u.Spec.Tiers }
func costCenters(u *v1alpha1.BusinessUnit) []string   { return u.Spec.CostCenters }

// refuser is the nearest business unit whose list does not contain value. A
// list that is empty contains everything.
func refuser(line []*v1alpha1.BusinessUnit, value string, list func(*v1alpha1.BusinessUnit) []string) *v1alpha1.BusinessUnit {
	for _, unit := range line {
		if allowed := list(unit); len(allowed) > 0 && !slices.Contains(allowed, value) {
			return unit
		}
	}
	return nil
}

// common is what every business unit's list contains.
func common(line []*v1alpha1.BusinessUnit, list func(*v1alpha1.BusinessUnit) []string) []string {
	var shared []string
	for _, unit := range line {
		for _, value := range list(unit) {
			if refuser(line, value, list) == nil && !slices.Contains(shared, value) {
				shared = append(shared, value)
			}
		}
	}
	return shared
}

func validateNamespaces(t *v1alpha1.Tenant, w World) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, place := range Places(t) {
		path, value := field.NewPath("metadata", "name"), t.Name
		if len(t.Spec.Namespaces) > 0 {
			path, value = namespacePath(i, place), place.Namespace
		}
		switch {
		case seen[place.Namespace]:
			errs = append(errs, problem(ReasonNamespaceTaken, path, value, "namespace %q is named twice: every entry needs a namespace of its own", place.Namespace))
		case place.Adopted && slices.Contains(w.Settings.protected(), place.Namespace):
			errs = append(errs, problem(ReasonNamespaceTaken, path, value, "namespace %q belongs to the platform and cannot be adopted", place.Namespace))
		default:
			errs = append(errs, validateOwner(t, place, w, path, value)...)
		}
		seen[place.Namespace] = true
		if j := place.Jurisdiction; len(t.Spec.Jurisdictions) > 0 && !slices.Contains(t.Spec.Jurisdictions, j) {
			errs = append(errs, problem(ReasonJurisdictionNotAllowed, spec.Child("namespaces").Index(i).Child("jurisdiction"), j,
				"not among the tenant's jurisdictions %s: choose one or add it to spec.jurisdictions", names(t.Spec.Jurisdictions)))
		}
	}
	return errs
}

func namespacePath(i int, place Place) *field.Path {
	entry := spec.Child("namespaces").Index(i)
	if place.Adopted {
		return entry.Child("adopt")
	}
	return entry.Child("name")
}

func validateOwner(t *v1alpha1.Tenant, place Place, w World, path *field.Path, value string) field.ErrorList {
	if w.Owner == nil {
		return nil
	}
	switch owner, exists := w.Owner(place.Namespace); {
	case owner == t.Name:
		return nil
	case owner != "":
		return one(problem(ReasonNamespaceTaken, path, value, "namespace %q belongs to tenant %q: choose another name", place.Namespace, owner))
	case exists && !place.Adopted:
		return one(problem(ReasonNamespaceTaken, path, value,
			"namespace %q exists and belongs to no tenant: choose another name, or take it in with spec.namespaces[].adopt: %s", place.Namespace, place.Namespace))
	case !exists && place.Adopted:
		return one(problem(ReasonNamespaceTaken, path, value, "namespace %q does not exist, so it cannot be adopted: remove adopt to have a namespace made", place.Namespace))
	default:
		return nil
	}
}

func validateSubjects(path *field.Path, list []v1alpha1.Subject) field.ErrorList {
	var errs field.ErrorList
	for i, s := range list {
		if strings.HasPrefix(s.Name, "system:") {
			errs = append(errs, problem(ReasonInvalidSubject, path.Index(i).Child("name"), s.Name,
				"names that begin with system: belong to Kubernetes: name a person or a group of your identity provider"))
		}
	}
	return errs
}

func validateLifecycle(t *v1alpha1.Tenant) field.ErrorList {
	if t.Spec.Lifecycle.State != v1alpha1.LifecycleOffboarding || t.Spec.Lifecycle.Confirm == t.Name {
		return nil
	}
	return one(problem(ReasonInvalidSpec, spec.Child("lifecycle", "confirm"), t.Spec.Lifecycle.Confirm,
		"must repeat the tenant's name %q before it is offboarded", t.Name))
}

func validateQuotaKeys(t *v1alpha1.Tenant) field.ErrorList {
	errs := validateList(ReasonInvalidQuota, spec.Child("quota"), t.Spec.Quota)
	for i := range t.Spec.Namespaces {
		errs = append(errs, validateList(ReasonInvalidQuota, spec.Child("namespaces").Index(i).Child("quota"), t.Spec.Namespaces[i].Quota)...)
	}
	return append(errs, validateClasses(t.Spec.StorageClasses)...)
}

func validateClasses(classes []v1alpha1.StorageClassQuota) field.ErrorList {
	var errs field.ErrorList
	for i, class := range classes {
		if class.Capacity == nil {
			continue
		}
		if must := quota.Check(corev1.ResourceRequestsStorage, *class.Capacity); must != "" {
			errs = append(errs, problem(ReasonInvalidQuota, spec.Child("storageClasses").Index(i).Child("capacity"), class.Capacity.String(), "must %s", must))
		}
	}
	return errs
}

// validateList checks each entry of a quota or envelope, in order.
func validateList(reason string, path *field.Path, list corev1.ResourceList) field.ErrorList {
	var errs field.ErrorList
	for _, name := range keys(list) {
		amount := list[name]
		if must := quota.Check(name, amount); must != "" {
			errs = append(errs, problem(reason, path.Key(string(name)), amount.String(), "must %s", must))
		}
	}
	return errs
}

// validateQuotaSums checks that namespaces claim no more than the tenant has,
// that each keeps what Roadbed's own objects need, and that whatever an
// envelope limits the tenant's quota names.
func validateQuotaSums(t *v1alpha1.Tenant, tier *v1alpha1.Tier, line []*v1alpha1.BusinessUnit) field.ErrorList {
	total := quota.Effective(t, tier)
	var errs field.ErrorList
	for _, over := range quota.Overdrafts(total, t.Spec.Namespaces) {
		errs = append(errs, problem(ReasonInvalidQuota, spec.Child("namespaces"), over.Claimed,
			"%s: lower the namespaces' shares or raise spec.quota", over))
	}
	for _, m := range missing(line, total) {
		errs = append(errs, required(ReasonInvalidQuota, spec.Child("quota").Key(string(m.resource)),
			"the envelope of business unit %q limits it, but neither the tier nor the tenant sets it: set it", m.unit))
	}
	if len(errs) > 0 {
		return errs
	}
	shares, err := quota.Split(total, t.Spec.Namespaces)
	if err != nil {
		return one(problem(ReasonInvalidQuota, spec.Child("quota"), "", "%v", err))
	}
	for i, share := range shares {
		errs = append(errs, validateFloors(t, i, share)...)
	}
	return errs
}

func validateFloors(t *v1alpha1.Tenant, i int, share corev1.ResourceList) field.ErrorList {
	var errs field.ErrorList
	for _, short := range quota.Shortages(share) {
		path := spec.Child("quota")
		if i < len(t.Spec.Namespaces) {
			path = spec.Child("namespaces").Index(i).Child("quota")
		}
		errs = append(errs, problem(ReasonInvalidQuota, path.Key(string(short.Resource)), short.Share.String(), "%s: raise it", short))
	}
	return errs
}

// unset is a resource that the envelope of a business unit limits and a list
// does not name: it would be unlimited.
type unset struct {
	resource corev1.ResourceName
	unit     string
}

// missing are the resources unset in list, by the nearest business unit of the
// line that limits them.
func missing(line []*v1alpha1.BusinessUnit, list corev1.ResourceList) []unset {
	var absent []unset
	seen := map[corev1.ResourceName]bool{}
	for _, unit := range line {
		for _, name := range keys(unit.Spec.Envelope) {
			if _, ok := list[name]; !ok && !seen[name] {
				absent = append(absent, unset{resource: name, unit: unit.Name})
				seen[name] = true
			}
		}
	}
	return absent
}

// problem is an error that carries its condition reason.
func problem(reason string, path *field.Path, value any, format string, args ...any) *field.Error {
	return field.Invalid(path, value, fmt.Sprintf(format, args...)).WithOrigin(reason)
}

// required is the error about a field that is missing.
func required(reason string, path *field.Path, format string, args ...any) *field.Error {
	return field.Required(path, fmt.Sprintf(format, args...)).WithOrigin(reason)
}

func one(err *field.Error) field.ErrorList { return field.ErrorList{err} }

// keys are a map's keys, sorted.
func keys[K ~string, V any](m map[K]V) []K {
	list := make([]K, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// names lists allowed values for a message: sorted, and not too many.
func names(list []string) string {
	const most = 10
	if len(list) == 0 {
		return "(there is none)"
	}
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) <= most {
		return strings.Join(sorted, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(sorted[:most], ", "), len(sorted)-most)
}
