package request

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Scopes are the resources that are matched; without rules everything is.
func (c *Constraints) Scopes() []policy.Scope {
	rules := c.resources.ResourceRules
	if len(rules) == 0 {
		return []policy.Scope{{Group: "*", Version: "*", Resource: "*", Subresource: "*", Operations: allOperations(), Objects: c.object.String()}}
	}
	var scopes []policy.Scope
	for i := range rules {
		scopes = append(scopes, scopesOfRule(&rules[i].RuleWithOperations, c.object.String())...)
	}
	return scopes
}

func scopesOfRule(rule *admissionregistrationv1.RuleWithOperations, objects string) []policy.Scope {
	operations := operationsOf(rule.Operations)
	var scopes []policy.Scope
	for _, group := range rule.APIGroups {
		for _, version := range rule.APIVersions {
			for _, name := range rule.Resources {
				resource, subresource, _ := strings.Cut(name, "/")
				scopes = append(scopes, policy.Scope{
					Group: group, Version: version, Resource: resource, Subresource: subresource, Operations: operations, Objects: objects,
				})
			}
		}
	}
	return scopes
}

func operationsOf(types []admissionregistrationv1.OperationType) []admissionv1.Operation {
	if slices.Contains(types, admissionregistrationv1.OperationAll) {
		return allOperations()
	}
	operations := make([]admissionv1.Operation, len(types))
	for i, each := range types {
		operations[i] = admissionv1.Operation(each)
	}
	return operations
}

func allOperations() []admissionv1.Operation {
	return []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect}
}
