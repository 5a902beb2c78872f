package legacy

import (
	"context"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// program judges by CEL, as the native policy does that means the same.
type program struct{ policy.Evaluator }

// cel compiles a rule's CEL as a ValidatingAdmissionPolicy for everything: what
// the rule matches has been decided before.
func (c *compiler) cel(rule *kyvernov1.Rule) judge {
	source := rule.Validate.CEL
	if len(source.Expressions) == 0 {
		c.Wrong("validate.cel.expressions", "is empty")
		return nil
	}
	if c.options.CEL == nil {
		c.Wrong("validate.cel", "CEL is not evaluated here")
		return nil
	}
	native, bound := c.native(admissionregistrationv1.ValidatingAdmissionPolicySpec{
		ParamKind: source.ParamKind, MatchConstraints: everything(), MatchConditions: rule.CELPreconditions,
		Validations: messaged(source.Expressions, rule.Validate.Message), AuditAnnotations: source.AuditAnnotations, Variables: source.Variables,
	}, source.ParamRef)
	compiled, err := c.options.CEL(native, bound)
	if home := c.source.Namespace; home != "" && source.ParamRef != nil && source.ParamRef.Namespace != home {
		c.Wrong("validate.cel.paramRef.namespace", "must be %q: a policy of a namespace has its parameters there", home)
	}
	if err != nil {
		c.celFaults(err)
		return nil
	}
	return program{compiled}
}

// gate judges whether requests meet the policy's matchConditions.
type gate struct{ policy.Evaluator }

const gateField = "spec.webhookConfiguration.matchConditions"

// gate compiles webhookConfiguration.matchConditions, which narrow a policy as a
// whole. It is nil for a policy without.
func (c *compiler) gate() *gate {
	configuration := c.source.Spec.WebhookConfiguration
	if configuration == nil || len(configuration.MatchConditions) == 0 {
		return nil
	}
	if c.options.CEL == nil {
		c.whole.Wrong(gateField, "CEL is not evaluated here")
		return nil
	}
	native, binding := c.native(admissionregistrationv1.ValidatingAdmissionPolicySpec{
		MatchConditions: configuration.MatchConditions, MatchConstraints: everything(),
		Validations: []admissionregistrationv1.Validation{{Expression: "true"}},
	}, nil)
	compiled, err := c.options.CEL(native, binding)
	if err != nil {
		c.whole.Wrong(gateField, "%v", err)
		return nil
	}
	return &gate{compiled}
}

// lets tells whether a request meets the conditions; the verdict is an error
// where that could not be decided.
func (g *gate) lets(ctx context.Context, r *policy.Request, w policy.World) (bool, *verdict) {
	if g == nil {
		return true, nil
	}
	for _, result := range g.Validate(ctx, r, w) {
		if result.Status == policy.Error {
			return true, &verdict{status: policy.Error, message: "matchConditions: " + result.Message}
		}
		if result.Status == policy.Pass {
			return true, nil
		}
	}
	return false, nil
}

// native makes the policy and the binding that mean the same as a rule's CEL.
func (c *compiler) native(spec admissionregistrationv1.ValidatingAdmissionPolicySpec, params *admissionregistrationv1.ParamRef) (*admissionregistrationv1.ValidatingAdmissionPolicy, []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
	named := metav1.ObjectMeta{Name: c.source.Name, Labels: map[string]string{policy.IncludeSystemLabel: "true"}}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: named,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: c.source.Name, ParamRef: params,
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	return &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: named, Spec: spec}, []*admissionregistrationv1.ValidatingAdmissionPolicyBinding{binding}
}

// celFaults notes what is wrong with the CEL, by the fields of the rule.
func (c *compiler) celFaults(err error) {
	fields := strings.NewReplacer("spec.validations", "validate.cel.expressions", "spec.matchConditions", "celPreconditions",
		"spec.variables", "validate.cel.variables", "spec.auditAnnotations", "validate.cel.auditAnnotations", "spec.paramKind", "validate.cel.paramKind")
	for line := range strings.SplitSeq(err.Error(), "\n") {
		named := fields.Replace(line)
		field, rest, ok := strings.Cut(named, ": ")
		field, place, _ := strings.Cut(field, ",")
		if !ok || named == line {
			c.Wrong("validate.cel", "%s", line)
			continue
		}
		if place != "" {
			rest = strings.TrimSpace(place) + ": " + rest
		}
		c.Wrong(field, "%s", rest)
	}
}

// everything matches all requests.
func everything() *admissionregistrationv1.MatchResources {
	all := []string{"*"}
	return &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule:       admissionregistrationv1.Rule{APIGroups: all, APIVersions: all, Resources: []string{"*/*"}},
		},
	}}}
}

// messaged gives the rule's message to expressions without one.
func messaged(expressions []admissionregistrationv1.Validation, message string) []admissionregistrationv1.Validation {
	var all []admissionregistrationv1.Validation
	for _, one := range expressions {
		if one.Message == "" && one.MessageExpression == "" {
			one.Message = strings.ReplaceAll(message, "\n", " ")
		}
		all = append(all, one)
	}
	return all
}

func (p program) judge(e *evaluation) *verdict {
	var failed, broken []string
	passed := false
	for _, result := range p.Validate(e.context, e.request, e.world) {
		switch result.Status {
		case policy.Fail:
			failed = append(failed, result.Message)
		case policy.Error:
			broken = append(broken, result.Message)
		case policy.Pass:
			passed = true
		default:
		}
	}
	switch {
	case len(failed) > 0:
		return fails("%s", strings.Join(failed, "; "))
	case len(broken) > 0:
		return &verdict{status: policy.Error, message: strings.Join(broken, "; ")}
	case !passed:
		return skips("CEL preconditions not met")
	}
	return passes("Validation rule '%s' passed.", e.rule.name)
}
