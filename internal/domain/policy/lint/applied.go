package lint

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/applied"
)

// applied finds apply configurations that the API server refuses to apply, and
// those that leave out what stays.
func (c *checker) applied(constraints *admissionregistrationv1.MatchResources, mutations []admissionregistrationv1.Mutation, variables []admissionregistrationv1.Variable, failure *admissionregistrationv1.FailurePolicyType) {
	matched := matchedKinds(constraints)
	consequence := "every %s that matches is refused"
	if failure != nil && *failure == admissionregistrationv1.Ignore {
		consequence = "no %s is ever changed"
	}
	for i, mutation := range mutations {
		if mutation.ApplyConfiguration == nil || len(matched) == 0 {
			continue
		}
		configuration := applied.Parse(mutation.ApplyConfiguration.Expression, variables)
		if configuration == nil {
			continue
		}
		rule, field := fmt.Sprintf("mutations[%d]", i), fmt.Sprintf("spec.mutations[%d].applyConfiguration.expression", i)
		c.atomic(configuration, matched, rule, field, consequence)
		c.kept(configuration, matched, rule, field)
	}
}

// atomic tells of the first kind that has such fields.
func (c *checker) atomic(configuration *applied.Configuration, matched []schema.GroupVersionKind, rule, field, consequence string) {
	for _, kind := range matched {
		if fields := configuration.Atomic(kind); len(fields) > 0 {
			c.find(Error, AtomicField, rule, field, "the API server writes %s of a %s only as a whole, and applies no configuration to that: "+consequence+"; use patchType: JSONPatch",
				strings.Join(fields, " and "), kind.Kind, kind.Kind)
			return
		}
	}
}

// kept tells of the first kind that has such lists.
func (c *checker) kept(configuration *applied.Configuration, matched []schema.GroupVersionKind, rule, field string) {
	for _, kind := range matched {
		lists := configuration.Kept(kind)
		for _, list := range lists {
			also := ""
			if len(list.Atomic) > 0 {
				also = fmt.Sprintf(", and the API server refuses elements with fields that it writes only as a whole, such as %s", strings.Join(list.Atomic, ", "))
			}
			c.find(Warning, RemovesNothing, rule, field, "applying a part of %s takes no element away%s; to remove some, use patchType: JSONPatch", list.Field, also)
		}
		if len(lists) > 0 {
			return
		}
	}
}

// matchedKinds are the kinds of Kubernetes' own that constraints name without
// wildcards, sorted, each in one version.
func matchedKinds(constraints *admissionregistrationv1.MatchResources) []schema.GroupVersionKind {
	if constraints == nil {
		return nil
	}
	var found []schema.GroupVersionKind
	for _, rule := range constraints.ResourceRules {
		for _, resource := range rule.Resources {
			for _, kind := range kindsAs(resource, rule.APIGroups) {
				found = append(found, versionsOf(kind, rule.APIVersions)...)
			}
		}
	}
	slices.SortFunc(found, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(found)
}

// versionsOf is a kind in the first of the versions that are matched; none if
// none is.
func versionsOf(kind schema.GroupKind, versions []string) []schema.GroupVersionKind {
	for _, known := range clientgoscheme.Scheme.VersionsForGroupKind(kind) {
		if slices.Contains(versions, known.Version) || slices.Contains(versions, "*") {
			return []schema.GroupVersionKind{kind.WithVersion(known.Version)}
		}
	}
	return nil
}
