package legacy

import (
	"encoding/json"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

var (
	_ policy.Imaged    = (*compiled)(nil)
	_ policy.Closed    = (*compiled)(nil)
	_ policy.Roled     = (*compiled)(nil)
	_ policy.Divisible = (*compiled)(nil)
)

// ImagePatterns are the images of a policy whose rules all verify images; none
// for any other.
func (c *compiled) ImagePatterns() []string {
	var patterns []string
	for _, rule := range c.rules {
		if rule.verify == nil {
			return nil
		}
		for i := range rule.verify.checks {
			patterns = append(patterns, rule.verify.checks[i].references...)
		}
	}
	return patterns
}

// FailsClosed tells that the policy says failurePolicy: Fail.
func (c *compiled) FailsClosed() bool { return c.closed }

// AsksRoles tells whether a rule may look at the roles of who sent a request.
func (c *compiled) AsksRoles() bool { return c.roled }

// Divide returns the rules that do not verify images, and those that do.
func (c *compiled) Divide() []policy.Evaluator {
	var verifying, others []*rule
	for _, rule := range c.rules {
		if rule.verify != nil {
			verifying = append(verifying, rule)
		} else {
			others = append(others, rule)
		}
	}
	if len(verifying) == 0 || len(others) == 0 {
		return nil
	}
	return []policy.Evaluator{c.only(others), c.only(verifying)}
}

func (c *compiled) only(rules []*rule) policy.Evaluator {
	part := *c
	part.rules = rules
	return part.evaluator()
}

// closed tells whether the policy says so itself, in the new place or the old.
func closed(spec *kyvernov1.Spec) bool {
	if spec.WebhookConfiguration != nil && spec.WebhookConfiguration.FailurePolicy != nil {
		return *spec.WebhookConfiguration.FailurePolicy == admissionregistrationv1.Fail
	}
	return spec.FailurePolicy != nil && *spec.FailurePolicy == admissionregistrationv1.Fail
}

// roled tells whether the policy names roles anywhere: in what it matches, or as
// a variable. What cannot be encoded may.
func roled(spec *kyvernov1.Spec) bool {
	text, err := json.Marshal(spec)
	return err != nil || slices.ContainsFunc([]string{`"roles"`, `"clusterRoles"`, "request.roles", "request.clusterRoles"},
		func(name string) bool { return strings.Contains(string(text), name) })
}
