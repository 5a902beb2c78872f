package engine

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// source is what all policies that validate by CEL have in common.
type source struct {
	// path is that of the fields, for faults: "spec".
	path, name       string
	variables        []admissionregistrationv1.Variable
	matchConditions  []admissionregistrationv1.MatchCondition
	validations      []admissionregistrationv1.Validation
	auditAnnotations []admissionregistrationv1.AuditAnnotation
	failurePolicy    *admissionregistrationv1.FailurePolicyType
	hasParams        bool
	// replaces tells that apply configurations may replace atomic lists and maps.
	replaces bool
}

// rules are the names of the validations.
func (s source) rules(prefix string) []string {
	names := make([]string, len(s.validations))
	for i := range s.validations {
		names[i] = fmt.Sprintf("%svalidations[%d]", prefix, i)
	}
	return names
}

// body is a compiled source.
type body struct {
	conditions matchconditions.Matcher
	validator  validating.Validator
	// prefix comes before the names of rules: "", "autogen-" or "autogen-cronjob-".
	prefix string
	// rules are the names of the validations.
	rules []string
	// extended tells that expressions may look things up.
	extended bool
}

// compileBody compiles what a policy says.
func compileBody(d *dialect.Dialect, s source, prefix string) (*body, FaultsError) {
	declared := dialect.Declarations{HasParams: s.hasParams, HasAuthorizer: true}
	c := newCompiler(d, s, declared)
	b := &body{prefix: prefix, rules: s.rules(prefix), extended: d.Extended()}
	b.conditions = c.matchConditions(s, declared)
	var expressions, messages, annotations []plugincel.CompilationResult
	for i, validation := range s.validations {
		expressions = append(expressions, c.compile(fmt.Sprintf("%s.validations[%d].expression", s.path, i),
			&validating.ValidationCondition{Expression: validation.Expression, Message: validation.Message, Reason: validation.Reason}, declared))
		messages = append(messages, c.message(s, i))
	}
	for i, annotation := range s.auditAnnotations {
		annotations = append(annotations, c.compile(fmt.Sprintf("%s.auditAnnotations[%d].valueExpression", s.path, i),
			&validating.AuditAnnotationCondition{Key: annotation.Key, ValueExpression: annotation.ValueExpression}, declared))
	}
	b.validator = validating.NewValidator(c.condition(expressions), nil, c.condition(annotations), c.condition(messages), s.failurePolicy, nil)
	return b, c.faults
}

// message compiles a validation's message, which may not ask for authorization.
func (c *compiler) message(s source, i int) plugincel.CompilationResult {
	if s.validations[i].MessageExpression == "" {
		return plugincel.CompilationResult{}
	}
	return c.compile(fmt.Sprintf("%s.validations[%d].messageExpression", s.path, i),
		&validating.MessageExpressionCondition{MessageExpression: s.validations[i].MessageExpression},
		dialect.Declarations{HasParams: s.hasParams})
}

// matchConditions compiles them; nil when there are none.
func (c *compiler) matchConditions(s source, declared dialect.Declarations) matchconditions.Matcher {
	if len(s.matchConditions) == 0 {
		return nil
	}
	results := make([]plugincel.CompilationResult, len(s.matchConditions))
	for i := range s.matchConditions {
		condition := matchconditions.MatchCondition(s.matchConditions[i])
		results[i] = c.compile(fmt.Sprintf("%s.matchConditions[%d].expression", s.path, i), &condition, declared)
	}
	return matchconditions.NewMatcher(c.condition(results), s.failurePolicy, "policy", "validate", s.name)
}

// subject is one evaluation of a body.
type subject struct {
	*request.Matched
	params runtime.Object
	// template is the result to fill in.
	template policy.Result
}

// evaluate judges a request that is matched.
func (b *body) evaluate(ctx context.Context, s subject, session *library.Session) []policy.Result {
	concerned, failed := b.concerns(ctx, s, session)
	if !concerned {
		return failed
	}
	return b.judge(ctx, s, session)
}

// concerns evaluates the conditions. The results are of those that could not be
// evaluated.
func (b *body) concerns(ctx context.Context, s subject, session *library.Session) (bool, []policy.Result) {
	if b.conditions == nil {
		return true, nil
	}
	if b.extended {
		ctx = s.enter(ctx, session)
	}
	authorizer := request.NewReviewer(session.World)
	match := b.conditions.Match(ctx, s.Versioned, s.params, authorizer)
	if match.Error != nil {
		return false, []policy.Result{s.error(b.prefix+"matchConditions", match.Error.Error())}
	}
	if failed := s.unanswered(authorizer, b.prefix+"matchConditions"); failed != nil {
		return false, failed
	}
	return match.Matches, nil
}

// judge evaluates the validations.
func (b *body) judge(ctx context.Context, s subject, session *library.Session) []policy.Result {
	if b.extended {
		ctx = s.enter(ctx, session)
	}
	authorizer := request.NewReviewer(session.World)
	found := b.validator.Validate(ctx, s.Resource, s.Versioned, s.params, s.Namespace, celconfig.RuntimeCELCostBudget, authorizer)
	if failed := s.unanswered(authorizer, b.prefix+"validations"); failed != nil {
		return failed
	}
	return b.results(found, s)
}

// results translates the API server's decisions.
func (b *body) results(found validating.ValidateResult, s subject) []policy.Result {
	if len(found.Decisions) != len(b.rules) {
		// One decision on the policy as a whole: it could not be evaluated.
		return []policy.Result{s.result(b.prefix+"validations", found.Decisions[0])}
	}
	results := make([]policy.Result, 0, len(found.Decisions)+1)
	for i, decision := range found.Decisions {
		results = append(results, s.result(b.rules[i], decision))
	}
	return append(results, b.annotate(found.AuditAnnotations, &results, s)...)
}

// annotate adds what is published to the first result, and returns a result for
// each annotation that could not be evaluated.
func (b *body) annotate(annotations []validating.PolicyAuditAnnotation, results *[]policy.Result, s subject) []policy.Result {
	var failed []policy.Result
	published := map[string]string{}
	for i, annotation := range annotations {
		switch annotation.Action {
		case validating.AuditAnnotationActionPublish:
			published[annotation.Key] = annotation.Value
		case validating.AuditAnnotationActionError:
			failed = append(failed, s.error(fmt.Sprintf("%sauditAnnotations[%d]", b.prefix, i), annotation.Error))
		default:
		}
	}
	if len(published) == 0 {
		return failed
	}
	if len(*results) == 0 {
		noted := s.template
		noted.Rule, noted.Status = b.prefix+"auditAnnotations", policy.Pass
		*results = append(*results, noted)
	}
	(*results)[0].AuditAnnotations = published
	return failed
}

// enter gives expressions what the API server would not.
func (s subject) enter(ctx context.Context, session *library.Session) context.Context {
	if s.Namespace != nil {
		session.NamespaceObject = common.SchemalessTypedToVal(plugincel.CreateNamespaceObject(s.Namespace))
	}
	return library.WithSession(ctx, session)
}

// result translates one decision.
func (s subject) result(rule string, decision validating.PolicyDecision) policy.Result {
	result := s.template
	result.Rule, result.Status, result.Message = rule, policy.Pass, decision.Message
	switch {
	case decision.Evaluation == validating.EvalDeny:
		result.Status = policy.Fail
	case decision.Evaluation == validating.EvalError && decision.Action == validating.ActionDeny:
		result.Status = policy.Error
	case decision.Evaluation == validating.EvalError:
		result.Status, result.Message = policy.Warn, "ignored, as the failure policy says: "+decision.Message
	}
	return result
}

// unanswered is the result of an evaluation that asked about authorization and got
// no answer; nil if it got all.
func (s subject) unanswered(authorizer *request.Reviewer, rule string) []policy.Result {
	if authorizer.Err() == nil {
		return nil
	}
	return []policy.Result{s.error(rule, authorizer.Err().Error())}
}

func (s subject) error(rule, message string) policy.Result {
	result := s.template
	result.Rule, result.Status, result.Message = rule, policy.Error, message
	return result
}
