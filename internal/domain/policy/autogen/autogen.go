package autogen

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
)

// Annotation lists the controllers, separated by commas, on policies whose spec
// does not; "none" means none.
const Annotation = "pod-policies.kyverno.io/autogen-controllers"

// The prefixes of rules, as Kyverno names them.
const (
	// Prefix is for the kinds that keep their Pods in spec.template.
	Prefix = "autogen-"
	// CronJobPrefix is for CronJobs.
	CronJobPrefix = "autogen-cronjob-"
)

// Variant is a policy's spec, rewritten for workload kinds.
type Variant[S any] struct {
	// Prefix comes before the names of its rules.
	Prefix string
	// Spec is a copy; it shares nothing that was rewritten.
	Spec S
}

// target is a kind that creates Pods.
type target struct{ group, resource string }

// targets are all of them, in the order of their rules. All are served as v1.
var targets = []target{
	{"", "replicationcontrollers"},
	{"apps", "daemonsets"},
	{"apps", "deployments"},
	{"apps", "replicasets"},
	{"apps", "statefulsets"},
	{"batch", "jobs"},
	{"batch", "cronjobs"},
}

// Controllers are the resources that policies are rewritten for unless they say
// otherwise.
func Controllers() []string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.resource
	}
	return names
}

// Validating rewrites a policy; there is nothing to rewrite for a policy that is
// not about Pods alone, or that selects by name, label or namespace.
func Validating(p *policiesv1.ValidatingPolicy) []Variant[policiesv1.ValidatingPolicySpec] {
	var chosen *policiesv1.PodControllersGenerationConfiguration
	if p.Spec.Autogen != nil {
		chosen = p.Spec.Autogen.PodControllers
	}
	if p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return nil
	}
	var variants []Variant[policiesv1.ValidatingPolicySpec]
	for _, group := range groups(p.Spec.MatchConstraints, chosen, p.Annotations) {
		spec := p.Spec.DeepCopy()
		spec.Autogen = nil
		spec.MatchConstraints = group.constraints(p.Spec.MatchConstraints)
		group.conditions(spec.MatchConditions)
		group.variables(spec.Variables)
		group.validations(spec.Validations)
		group.annotations(spec.AuditAnnotations)
		variants = append(variants, Variant[policiesv1.ValidatingPolicySpec]{group.prefix, *spec})
	}
	return variants
}

// Mutating rewrites a policy under the same rules. Apply configurations are
// nested in the template, and JSON pointers lead there.
func Mutating(p *policiesv1.MutatingPolicy) []Variant[policiesv1.MutatingPolicySpec] {
	var chosen *policiesv1.PodControllersGenerationConfiguration
	if p.Spec.Autogen != nil {
		chosen = p.Spec.Autogen.PodControllers
	}
	if p.Spec.TargetMatchConstraints != nil || p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return nil
	}
	var variants []Variant[policiesv1.MutatingPolicySpec]
	for _, group := range groups(p.Spec.MatchConstraints, chosen, p.Annotations) {
		spec := p.Spec.DeepCopy()
		spec.Autogen = nil
		spec.MatchConstraints = group.constraints(p.Spec.MatchConstraints)
		group.conditions(spec.MatchConditions)
		group.variables(spec.Variables)
		group.annotations(spec.AuditAnnotations)
		for i := range spec.Mutations {
			if apply := spec.Mutations[i].ApplyConfiguration; apply != nil {
				apply.Expression = rewrite(apply.Expression, group.nest)
			}
			if patch := spec.Mutations[i].JSONPatch; patch != nil {
				patch.Expression = rewrite(patch.Expression, group.nest)
			}
		}
		variants = append(variants, Variant[policiesv1.MutatingPolicySpec]{group.prefix, *spec})
	}
	return variants
}

// ImageValidating rewrites a policy under the same rules. What extracts images
// by itself is not rewritten: it follows the resource.
func ImageValidating(p *policiesv1.ImageValidatingPolicy) []Variant[policiesv1.ImageValidatingPolicySpec] {
	var chosen *policiesv1.PodControllersGenerationConfiguration
	if p.Spec.Autogen != nil {
		chosen = p.Spec.Autogen.PodControllers
	}
	if p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return nil
	}
	var variants []Variant[policiesv1.ImageValidatingPolicySpec]
	for _, group := range groups(p.Spec.MatchConstraints, chosen, p.Annotations) {
		spec := p.Spec.DeepCopy()
		spec.Autogen = nil
		spec.MatchConstraints = group.constraints(p.Spec.MatchConstraints)
		group.conditions(spec.MatchConditions)
		group.variables(spec.Variables)
		group.validations(spec.Validations)
		group.annotations(spec.AuditAnnotations)
		for i := range spec.Images {
			spec.Images[i].Expression = rewrite(spec.Images[i].Expression, group.nest)
		}
		variants = append(variants, Variant[policiesv1.ImageValidatingPolicySpec]{group.prefix, *spec})
	}
	return variants
}

// group is the kinds that keep their Pods in the same place.
type group struct {
	prefix  string
	nest    nest
	targets []target
}

// groups are what a policy is rewritten for.
func groups(match *admissionregistrationv1.MatchResources, chosen *policiesv1.PodControllersGenerationConfiguration, annotations map[string]string) []group {
	_, listed := annotations[Annotation]
	if !podsOnly(match, chosen != nil || listed) {
		return nil
	}
	wanted := controllers(chosen, annotations)
	workloads := group{prefix: Prefix, nest: template}
	cronJobs := group{prefix: CronJobPrefix, nest: jobTemplate}
	for _, t := range targets {
		switch {
		case !slices.Contains(wanted, t.resource):
		case t.resource == "cronjobs":
			cronJobs.targets = append(cronJobs.targets, t)
		default:
			workloads.targets = append(workloads.targets, t)
		}
	}
	return slices.DeleteFunc([]group{workloads, cronJobs}, func(g group) bool { return len(g.targets) == 0 })
}

// controllers are the resources a policy asks for: by its spec, else by its
// annotation, else all.
func controllers(chosen *policiesv1.PodControllersGenerationConfiguration, annotations map[string]string) []string {
	if chosen != nil {
		if chosen.Enabled != nil && !*chosen.Enabled {
			return nil
		}
		return chosen.Controllers
	}
	listed, ok := annotations[Annotation]
	if !ok {
		return Controllers()
	}
	var names []string
	for name := range strings.SplitSeq(listed, ",") {
		names = append(names, resourceOf(strings.TrimSpace(name)))
	}
	return names
}

// resourceOf accepts kinds too, which Kyverno's older policies list.
func resourceOf(name string) string {
	lower := strings.ToLower(name)
	for _, t := range targets {
		if lower == t.resource || lower+"s" == t.resource {
			return t.resource
		}
	}
	return lower
}

// podsOnly tells whether a policy is about all Pods and nothing else: one rule,
// no names, no selectors, no exclusions. Their debugging containers, which come by a
// subresource, may be among it where controllers are asked for by name: else nobody
// could have both.
func podsOnly(match *admissionregistrationv1.MatchResources, asked bool) bool {
	if match == nil || len(match.ResourceRules) != 1 || len(match.ExcludeResourceRules) > 0 {
		return false
	}
	if selector := match.NamespaceSelector; selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 {
		return false
	}
	if selector := match.ObjectSelector; selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 {
		return false
	}
	rule := match.ResourceRules[0]
	resources := rule.Resources
	if asked {
		resources = slices.DeleteFunc(slices.Clone(resources), func(name string) bool { return name == "pods/ephemeralcontainers" })
	}
	return len(rule.ResourceNames) == 0 && slices.Equal(rule.APIGroups, []string{""}) &&
		slices.Equal(rule.APIVersions, []string{"v1"}) && slices.Equal(resources, []string{"pods"})
}

// constraints select the group's resources by the operations of the original.
func (g group) constraints(original *admissionregistrationv1.MatchResources) *admissionregistrationv1.MatchResources {
	rewritten := &admissionregistrationv1.MatchResources{MatchPolicy: original.MatchPolicy}
	for _, t := range g.targets {
		last := len(rewritten.ResourceRules) - 1
		if last >= 0 && rewritten.ResourceRules[last].APIGroups[0] == t.group {
			rewritten.ResourceRules[last].Resources = append(rewritten.ResourceRules[last].Resources, t.resource)
			continue
		}
		rewritten.ResourceRules = append(rewritten.ResourceRules, admissionregistrationv1.NamedRuleWithOperations{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: slices.Clone(original.ResourceRules[0].Operations),
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{t.group}, APIVersions: []string{"v1"}, Resources: []string{t.resource},
					Scope: original.ResourceRules[0].Scope,
				},
			},
		})
	}
	return rewritten
}

func (g group) conditions(conditions []admissionregistrationv1.MatchCondition) {
	for i := range conditions {
		conditions[i].Name = g.prefix + conditions[i].Name
		conditions[i].Expression = rewrite(conditions[i].Expression, g.nest)
	}
}

func (g group) variables(variables []admissionregistrationv1.Variable) {
	for i := range variables {
		variables[i].Expression = rewrite(variables[i].Expression, g.nest)
	}
}

func (g group) validations(validations []admissionregistrationv1.Validation) {
	for i := range validations {
		validations[i].Expression = rewrite(validations[i].Expression, g.nest)
		validations[i].MessageExpression = rewrite(validations[i].MessageExpression, g.nest)
	}
}

func (g group) annotations(annotations []admissionregistrationv1.AuditAnnotation) {
	for i := range annotations {
		annotations[i].ValueExpression = rewrite(annotations[i].ValueExpression, g.nest)
	}
}
