package policy

import "context"

// Explainer is an Evaluator that can tell how it comes to its results.
// Implementations MUST give the steps in the order in which they decide, and
// MUST come to the same results as Validate and Mutate.
type Explainer interface {
	// Explain returns the steps for one request; at least one for each rule,
	// also for rules that do not concern it.
	Explain(ctx context.Context, r *Request, w World) []Step
}

// StepKind says what a step decides.
type StepKind string

// The kinds of steps.
const (
	// StepMatch: does the rule select the request?
	StepMatch StepKind = "match"
	// StepExclude: is the request taken out again?
	StepExclude StepKind = "exclude"
	// StepPrecondition: does a condition for applying the rule hold?
	StepPrecondition StepKind = "precondition"
	// StepVariable: what is the value of a variable?
	StepVariable StepKind = "variable"
	// StepCheck: does the object meet a check of the rule?
	StepCheck StepKind = "check"
	// StepChange: what does the rule change?
	StepChange StepKind = "change"
)

// Step is one decision on the way to a result.
type Step struct {
	// Rule is the rule's name, as in results.
	Rule string `json:"rule"`
	// Kind says what is decided.
	Kind StepKind `json:"kind"`
	// Source is the expression or the field of the policy that decides.
	Source string `json:"source,omitempty"`
	// OK tells whether the rule goes on, or is content.
	OK bool `json:"ok"`
	// Outcome says in words what came of it.
	Outcome string `json:"outcome,omitempty"`
}
