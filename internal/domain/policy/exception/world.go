package exception

import (
	"time"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// WorldOf is the world in which there are these policies and Namespaces.
func WorldOf(policies []policy.Evaluator, namespaces []map[string]any, now time.Time) World {
	w := World{Policies: map[string]policy.Info{}, Places: map[string]override.Place{}, Now: now}
	for _, evaluator := range policies {
		info := evaluator.Info()
		w.Policies[info.Name] = info
	}
	for _, namespace := range namespaces {
		labels := (&policy.Request{Object: namespace}).Labels()
		w.Places[scenario.Of(namespace).Name()] = override.Place{Tenant: labels[tenancyv1.LabelTenant], Tier: labels[tenancyv1.LabelTier]}
	}
	return w
}

// allows tells whether an exception allows something instead of exempting.
func allows(e *policiesv1.PolicyException) bool {
	return len(e.Spec.Images)+len(e.Spec.AllowedValues) > 0
}

// Allowing is what exceptions allow to policies instead of exempting objects from
// them. What is wrong with their conditions, Compile says.
func Allowing(documents []load.Document, now time.Time, compilers load.Compilers) []load.Allowance {
	var found []load.Allowance
	for _, document := range documents {
		e, ok := document.Object.(*policiesv1.PolicyException)
		if !ok || !allows(e) || over(e, now) {
			continue
		}
		allowance := load.Allowance{Policies: e.Spec.PolicyRefs, Images: e.Spec.Images, Values: e.Spec.AllowedValues}
		if len(e.Spec.MatchConditions) > 0 {
			made, _ := conditional(document, e, compilers)
			if made == nil {
				continue
			}
			allowance.Covers = made.matches
		}
		found = append(found, allowance)
	}
	return found
}
