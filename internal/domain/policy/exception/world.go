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

// Allowing are the exceptions that allow images or values to a policy instead
// of exempting objects from it.
func Allowing(documents []load.Document) []*policiesv1.PolicyException {
	var found []*policiesv1.PolicyException
	for _, document := range documents {
		e, ok := document.Object.(*policiesv1.PolicyException)
		if ok && allows(e) && len(e.Spec.MatchConditions) == 0 {
			found = append(found, e)
		}
	}
	return found
}
