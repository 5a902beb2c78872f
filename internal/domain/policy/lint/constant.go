package lint

import (
	"cmp"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/constant"
)

// celSource is the expressions of a policy or a rule, with the fields that hold
// them.
type celSource struct {
	rule             string
	variables        []admissionregistrationv1.Variable
	conditions       []admissionregistrationv1.MatchCondition
	conditionsField  string
	validations      []admissionregistrationv1.Validation
	validationsField string
	// operations are those of the requests that are matched; none if that is not said.
	operations []admissionregistrationv1.OperationType
	// ignores tells that an expression that fails counts for nothing.
	ignores bool
}

// sourceOf is what a policy's spec says.
func sourceOf(constraints *admissionregistrationv1.MatchResources, variables []admissionregistrationv1.Variable,
	conditions []admissionregistrationv1.MatchCondition, validations []admissionregistrationv1.Validation, failure *admissionregistrationv1.FailurePolicyType,
) celSource {
	return celSource{
		operations: operationsOf(constraints),
		variables:  variables, conditions: conditions, conditionsField: "spec.matchConditions",
		validations: validations, validationsField: "spec.validations",
		ignores: failure != nil && *failure == admissionregistrationv1.Ignore,
	}
}

// celRule finds constants of the CEL in a legacy rule.
func (c *checker) celRule(rule kyvernov1.Rule, at string, failure *admissionregistrationv1.FailurePolicyType) {
	source := celSource{
		rule: rule.Name, operations: allOperations, conditions: rule.CELPreconditions, conditionsField: at + ".celPreconditions",
		validationsField: at + ".validate.cel.expressions", ignores: failure != nil && *failure == admissionregistrationv1.Ignore,
	}
	if rule.Validate != nil && rule.Validate.CEL != nil {
		source.variables, source.validations = rule.Validate.CEL.Variables, rule.Validate.CEL.Expressions
	}
	c.constants(source)
}

// constants finds expressions that say the same of every object, and parts of
// expressions that do.
func (c *checker) constants(s celSource) {
	expressions := constant.New(s.variables)
	met := true
	for i, condition := range s.conditions {
		field := fmt.Sprintf("%s[%d].expression", s.conditionsField, i)
		judged := expressions.Judge(condition.Expression)
		c.judge(cmp.Or(s.rule, condition.Name), field, judged, ofCondition, s.ignores)
		met = met && judged.Outcome != constant.False
	}
	if met {
		c.together(s, expressions)
	}
	for i, validation := range s.validations {
		field := fmt.Sprintf("%s[%d].expression", s.validationsField, i)
		c.judge(cmp.Or(s.rule, fmt.Sprintf("validations[%d]", i)), field, expressions.Judge(validation.Expression), ofValidation, s.ignores)
	}
}

// meaning is what it means that an expression says the same of every object.
type meaning struct {
	whenTrue, whenFalse said
	subject             string // what fails
	ignored, refused    string // the consequence of failing
}

// said is a finding without its place.
type said struct {
	level Level
	code  Code
	text  string
}

var (
	ofCondition = meaning{
		whenTrue:  said{Note, Constant, "the condition is always true, so it narrows nothing"},
		whenFalse: said{Error, NeverFires, "the condition is always false, so nothing is concerned"},
		subject:   "condition", ignored: ", and failures are ignored, so nothing is concerned", refused: ", so whatever matches is refused",
	}
	ofValidation = meaning{
		whenTrue: said{Error, NeverFires, "the expression is always true: no object violates it"},
		whenFalse: said{Warning, AlwaysFires, "the expression is always false: every object that matches violates it; " +
			"say so with match constraints, if that is meant"},
		subject: "expression", ignored: ", and failures are ignored: no object violates it", refused: ": every object that matches violates it",
	}
)

// judge tells what an expression says of every object, and which of its parts do.
func (c *checker) judge(rule, field string, judged constant.Judgement, means meaning, ignores bool) {
	switch judged.Outcome {
	case constant.True:
		c.find(means.whenTrue.level, means.whenTrue.code, rule, field, "%s", means.whenTrue.text)
	case constant.False:
		c.find(means.whenFalse.level, means.whenFalse.code, rule, field, "%s", means.whenFalse.text)
	case constant.Fails:
		if ignores {
			c.find(Error, NeverFires, rule, field, "the %s always fails (%s)%s", means.subject, judged.Because, means.ignored)
		} else {
			c.find(Error, AlwaysFires, rule, field, "the %s always fails (%s)%s", means.subject, judged.Because, means.refused)
		}
	default:
	}
	c.parts(rule, field, judged)
}

func (c *checker) parts(rule, field string, judged constant.Judgement) {
	for _, part := range judged.Parts {
		always := map[constant.Outcome]string{constant.True: "is always true", constant.False: "is always false", constant.Fails: "always fails"}[part.Outcome]
		if part.Branches {
			c.find(Warning, Unreachable, rule, field, "%s %s, so one of the branches that it chooses between is never taken", part.Text, always)
			continue
		}
		c.find(Warning, Constant, rule, field, "%s %s, so it decides nothing there", part.Text, always)
	}
}
