package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
)

// validating checks a policy of CEL validations.
func (c *checker) validating(labels, annotations map[string]string, spec policiesv1.ValidatingPolicySpec) {
	c.tier(labels, annotations)
	c.constants(sourceOf(spec.MatchConstraints, spec.Variables, spec.MatchConditions, spec.Validations, spec.FailurePolicy))
	c.repeated(spec.Validations)
	c.matched(spec.MatchConstraints, texts(spec.Variables, spec.Validations))
}

// repeated finds validations that say the same.
func (c *checker) repeated(validations []admissionregistrationv1.Validation) {
	first := map[string]int{}
	for i, validation := range validations {
		text := squeezed(validation.Expression)
		if before, twice := first[text]; twice {
			c.find(Warning, Shadowed, fmt.Sprintf("validations[%d]", i), fmt.Sprintf("spec.validations[%d].expression", i),
				"validations[%d] says the same; this one adds nothing but a second message", before)
		} else {
			first[text] = i
		}
	}
}

// squeezed is an expression without the white space that does not count.
func squeezed(expression string) string { return strings.Join(strings.Fields(expression), " ") }

// texts is everything that a policy says of objects.
func texts(variables []admissionregistrationv1.Variable, validations []admissionregistrationv1.Validation) string {
	var all []string
	for _, variable := range variables {
		all = append(all, variable.Expression)
	}
	for _, validation := range validations {
		all = append(all, validation.Expression)
	}
	return strings.Join(all, "\n")
}

// aboutContainers tells whether a text speaks of containers, and aboutReplicas
// of replicas.
var (
	aboutContainers = regexp.MustCompile(`\.\??containers\b`)
	aboutReplicas   = regexp.MustCompile(`\bspec\.(\?)?replicas\b`)
)

// matched finds writes that go around the match constraints.
func (c *checker) matched(match *admissionregistrationv1.MatchResources, text string) {
	if match == nil {
		return
	}
	c.resources(match)
	const field = "spec.matchConstraints.resourceRules"
	if writes(match, "pods", admissionregistrationv1.Create) && aboutContainers.MatchString(text) {
		c.containers("", field, text)
		if strings.Contains(text, "ephemeralContainers") && !writes(match, "pods/ephemeralcontainers", admissionregistrationv1.Update) {
			c.find(Error, MissingSubresource, "", field, "ephemeral containers are added through pods/ephemeralcontainers, which is not matched; add it, with UPDATE, and name the kinds that make Pods in spec.autogen.podControllers.controllers, because only policies about pods alone hold for them by themselves")
		}
	}
	for _, resource := range []string{"deployments", "statefulsets", "replicasets"} {
		if aboutReplicas.MatchString(text) && writes(match, resource, admissionregistrationv1.Update) && !writes(match, resource+"/scale", admissionregistrationv1.Update) {
			c.find(Warning, MissingSubresource, "", field, "replicas are also changed through %s/scale, which is not matched", resource)
		}
	}
}

// containers finds kinds of containers that a text about containers leaves out.
func (c *checker) containers(rule, field, text string) {
	var missing []string
	for _, kind := range []string{"initContainers", "ephemeralContainers"} {
		if !strings.Contains(text, kind) {
			missing = append(missing, kind)
		}
	}
	if missing != nil {
		c.find(Warning, MissingContainers, rule, field, "it looks at containers, but not at %s: a user puts there what is refused here", strings.Join(missing, " and "))
	}
}

// writes tells whether a resource and operation are matched.
func writes(match *admissionregistrationv1.MatchResources, resource string, operation admissionregistrationv1.OperationType) bool {
	return slices.ContainsFunc(match.ResourceRules, func(rule admissionregistrationv1.NamedRuleWithOperations) bool {
		return (slices.Contains(rule.Operations, operation) || slices.Contains(rule.Operations, admissionregistrationv1.OperationAll)) &&
			slices.ContainsFunc(rule.Resources, func(pattern string) bool { return covers(pattern, resource) })
	})
}

// covers tells whether a pattern of resources, such as "pods/*", covers one.
func covers(pattern, resource string) bool {
	name, sub, _ := strings.Cut(pattern, "/")
	wantName, wantSub, _ := strings.Cut(resource, "/")
	return (name == "*" || name == wantName) && (sub == wantSub || sub == "*")
}
