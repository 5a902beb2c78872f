package webhook

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Name is the name of both webhook configurations.
const Name = "roadbed-policy"

// timeoutOf is how long the API server waits for an answer, in seconds: what a
// request costs that fails open while Roadbed hangs. Images take longest: there,
// requests fail closed, and their registry is asked.
func timeoutOf(class Class) int32 {
	switch class {
	case Open:
		return 2
	case Images:
		return 10
	default:
		return 5
	}
}

// At says where a path of the webhooks is reached.
type At func(path string) admissionregistrationv1.WebhookClientConfig

// ValidatePath is where a class of policies judges requests.
func ValidatePath(class Class) string { return "/policy/validate/" + string(class) }

// MutatePath is where a class of policies changes objects.
func MutatePath(class Class) string { return "/policy/mutate/" + string(class) }

// Configure tells the API server what to send where: nothing at all when no
// policy needs a webhook. Served are the resources of the cluster, with their
// subresources. It is pure, and its result does not depend on the order given.
func Configure(evaluators []policy.Evaluator, served []policy.Served, at At) (*admissionregistrationv1.ValidatingWebhookConfiguration, *admissionregistrationv1.MutatingWebhookConfiguration) {
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: Name}}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: Name}}
	split := Split(evaluators)
	for _, class := range Classes() {
		if rules := rulesFor(class, split[class], served); rules != nil {
			validating.Webhooks = append(validating.Webhooks, validatingHook(class, split[class], rules, at))
		}
		if rules := rulesFor(class, mutators(split[class]), served); rules != nil {
			mutating.Webhooks = append(mutating.Webhooks, mutatingHook(class, mutators(split[class]), rules, at))
		}
	}
	return validating, mutating
}

func mutators(evaluators []policy.Evaluator) []policy.Evaluator {
	var found []policy.Evaluator
	for _, evaluator := range evaluators {
		if _, ok := evaluator.(policy.Mutator); ok {
			found = append(found, evaluator)
		}
	}
	return found
}

func validatingHook(class Class, evaluators []policy.Evaluator, rules []admissionregistrationv1.RuleWithOperations, at At) admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name:                    hookName("validate", class),
		ClientConfig:            at(ValidatePath(class)),
		Rules:                   rules,
		FailurePolicy:           new(failurePolicy(class)),
		MatchPolicy:             ptr.To(admissionregistrationv1.Equivalent),
		NamespaceSelector:       policy.SystemSelector(nil),
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          new(timeoutOf(class)),
		AdmissionReviewVersions: []string{"v1"},
		MatchConditions:         conditions(class, evaluators),
	}
}

func mutatingHook(class Class, evaluators []policy.Evaluator, rules []admissionregistrationv1.RuleWithOperations, at At) admissionregistrationv1.MutatingWebhook {
	return admissionregistrationv1.MutatingWebhook{
		Name:                    hookName("mutate", class),
		ClientConfig:            at(MutatePath(class)),
		Rules:                   rules,
		FailurePolicy:           new(failurePolicy(class)),
		MatchPolicy:             ptr.To(admissionregistrationv1.Equivalent),
		NamespaceSelector:       policy.SystemSelector(nil),
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          new(timeoutOf(class)),
		AdmissionReviewVersions: []string{"v1"},
		ReinvocationPolicy:      ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
		MatchConditions:         conditions(class, evaluators),
	}
}

func hookName(what string, class Class) string {
	return string(class) + "." + what + ".policy.roadbed.dev"
}

func failsOpen(class Class) bool { return class == Open || class == Remote }

func failurePolicy(class Class) admissionregistrationv1.FailurePolicyType {
	if failsOpen(class) {
		return admissionregistrationv1.Ignore
	}
	return admissionregistrationv1.Fail
}

// rulesFor are the rules of one webhook: for each group and version the
// resources that a policy may concern. Policies about images concern Pods in
// their own class; what makes Pods is in the other classes.
func rulesFor(class Class, evaluators []policy.Evaluator, served []policy.Served) []admissionregistrationv1.RuleWithOperations {
	var rules []admissionregistrationv1.RuleWithOperations
	for _, operation := range everything.Operations {
		for _, resource := range served {
			if slices.ContainsFunc(evaluators, func(e policy.Evaluator) bool { return concerns(class, e, resource, operation) }) {
				rules = with(rules, resource, admissionregistrationv1.OperationType(operation))
			}
		}
	}
	return joined(rules)
}

// everything is the scope of a policy that does not know its own.
var everything = policy.Scope{
	Group: "*", Version: "*", Resource: "*", Subresource: "*",
	Operations: []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect},
}

// concerns tells whether a policy is to be asked about a resource in a class.
func concerns(class Class, evaluator policy.Evaluator, resource policy.Served, operation admissionv1.Operation) bool {
	_, elsewhere := evaluator.(interface{ beyondPods() })
	if class == Images && !isPod(resource) || elsewhere && isPod(resource) {
		return false
	}
	return len(policy.Covering([]policy.Evaluator{evaluator}, []policy.Served{resource}, operation)) > 0
}

func isPod(r policy.Served) bool {
	return r.Group == "" && r.Resource == "pods" && (r.Subresource == "" || r.Subresource == "ephemeralcontainers")
}

// with adds an operation to the rule of a resource.
func with(rules []admissionregistrationv1.RuleWithOperations, r policy.Served, operation admissionregistrationv1.OperationType) []admissionregistrationv1.RuleWithOperations {
	name := r.Resource
	if r.Subresource != "" {
		name += "/" + r.Subresource
	}
	for i, rule := range rules {
		if rule.APIGroups[0] == r.Group && rule.APIVersions[0] == r.Version && rule.Resources[0] == name {
			rules[i].Operations = append(rules[i].Operations, operation)
			return rules
		}
	}
	return append(rules, admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{operation},
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{r.Group}, APIVersions: []string{r.Version}, Resources: []string{name},
			Scope: ptr.To(admissionregistrationv1.AllScopes),
		},
	})
}

// joined puts resources with the same group, version and operations into one
// rule, and everything in order.
func joined(rules []admissionregistrationv1.RuleWithOperations) []admissionregistrationv1.RuleWithOperations {
	var out []admissionregistrationv1.RuleWithOperations
	for _, rule := range rules {
		at := slices.IndexFunc(out, func(o admissionregistrationv1.RuleWithOperations) bool {
			return o.APIGroups[0] == rule.APIGroups[0] && o.APIVersions[0] == rule.APIVersions[0] && slices.Equal(o.Operations, rule.Operations)
		})
		if at < 0 {
			out = append(out, rule)
			continue
		}
		out[at].Resources = append(out[at].Resources, rule.Resources...)
	}
	for _, rule := range out {
		slices.Sort(rule.Resources)
	}
	slices.SortFunc(out, func(a, b admissionregistrationv1.RuleWithOperations) int {
		return cmp.Or(cmp.Compare(a.APIGroups[0], b.APIGroups[0]), cmp.Compare(a.APIVersions[0], b.APIVersions[0]), slices.Compare(a.Resources, b.Resources))
	})
	return out
}

// conditions narrow the class of images to the images its policies name.
func conditions(class Class, evaluators []policy.Evaluator) []admissionregistrationv1.MatchCondition {
	if class != Images {
		return nil
	}
	var globs []string
	for _, evaluator := range evaluators {
		globs = append(globs, patterns(evaluator)...)
	}
	return []admissionregistrationv1.MatchCondition{{Name: "names-an-image", Expression: imageCondition(globs)}}
}

// imageCondition is a CEL expression that holds for Pods with an image that one
// of the globs may match.
func imageCondition(globs []string) string {
	pattern := strings.ReplaceAll(imagePattern(globs), `\`, `\\`)
	var lists []string
	for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
		lists = append(lists, "object.spec.?"+field+`.orValue([]).exists(c, c.?image.orValue("").matches("`+pattern+`"))`)
	}
	return "object != null && has(object.spec) && (" + strings.Join(lists, " || ") + ")"
}

// imagePattern is a regular expression for the globs. An image without a
// registry is one of Docker Hub: a glob that may mean that matches everything,
// because the API server cannot complete names.
func imagePattern(globs []string) string {
	var parts []string
	for _, glob := range globs {
		registry, _, qualified := strings.Cut(glob, "/")
		if !qualified || strings.ContainsAny(registry, "*?") || strings.HasSuffix(registry, "docker.io") || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
			return ".*"
		}
		quoted := regexp.QuoteMeta(glob)
		parts = append(parts, strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted))
	}
	slices.Sort(parts)
	return "^(" + strings.Join(slices.Compact(parts), "|") + ")"
}
