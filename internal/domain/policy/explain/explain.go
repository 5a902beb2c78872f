package explain

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// Request tells of each rule of a policy how it judges a request. The results
// are those of the whole policy, mutations first; the steps are in the order in
// which they decide.
func Request(ctx context.Context, c load.Compiled, compilers load.Compilers, r *policy.Request, w policy.World) ([]policy.Step, []policy.Result) {
	results := Results(ctx, c.Evaluator, r, w)
	p := prober{ctx: ctx, compilers: compilers, request: r, world: w}
	if explainer, ok := c.Evaluator.(policy.Explainer); ok {
		steps := explainer.Explain(ctx, r, w)
		if whole := legacyOf(c.Document.Object); whole != nil {
			steps = p.detail(whole, steps)
		}
		return steps, results
	}
	if body := bodyOf(c.Document.Object); body != nil {
		return p.cel(body, results), results
	}
	return checks(nil, results), results
}

// Results are those of a policy alone, without exceptions and overrides.
func Results(ctx context.Context, e policy.Evaluator, r *policy.Request, w policy.World) []policy.Result {
	var results []policy.Result
	if mutator, ok := e.(policy.Mutator); ok && r.Object != nil {
		changed, found := mutator.Mutate(ctx, r, w, nil)
		results = found
		if changed != nil {
			r = r.With(changed)
		}
	}
	return append(results, e.Validate(ctx, r, w)...)
}

// prober asks probes about one request.
type prober struct {
	ctx       context.Context
	compilers load.Compilers
	request   *policy.Request
	world     policy.World
}

// answer is what a probe says.
type answer struct {
	// concerned tells whether the probe's rule selects the request.
	concerned bool
	status    policy.Status
	message   string
}

// ask lets a probe judge the request. A probe that does not compile says so.
func (p prober) ask(document load.Document) answer {
	compiled, problems := load.Compile([]load.Document{document}, p.compilers)
	if len(compiled) == 0 {
		message := "it cannot be evaluated alone"
		if len(problems) > 0 {
			message = problems[0].Message
		}
		return answer{concerned: true, status: policy.Error, message: message}
	}
	for _, result := range compiled[0].Validate(p.ctx, p.request, p.world) {
		return answer{concerned: true, status: result.Status, message: result.Message}
	}
	return answer{}
}

// step is what a probe's answer says about a condition that must hold.
func (a answer) step(rule string, kind policy.StepKind, source string) policy.Step {
	step := policy.Step{Rule: rule, Kind: kind, Source: source}
	switch {
	case !a.concerned:
		step.Outcome = "not reached"
	case a.status == policy.Error:
		step.Outcome = "cannot be evaluated: " + a.message
	case a.status == policy.Pass:
		step.OK, step.Outcome = true, "holds"
	default:
		step.Outcome = "does not hold"
	}
	return step
}

var numbered = regexp.MustCompile(`^(.*)validations\[(\d+)\]$`)

// checks are the results of rules as steps; expressions are the policy's, by
// their place.
func checks(expressions []string, results []policy.Result) []policy.Step {
	var steps []policy.Step
	for _, result := range results {
		step := policy.Step{
			Rule: result.Rule, Kind: policy.StepCheck, OK: result.Status == policy.Pass || result.Status == policy.Skip,
			Outcome: string(result.Status),
		}
		if found := numbered.FindStringSubmatch(result.Rule); found != nil {
			if place, err := strconv.Atoi(found[2]); err == nil && place < len(expressions) {
				step.Source = expressions[place]
			}
		}
		if result.Message != "" {
			step.Outcome = fmt.Sprintf("%s: %s", result.Status, result.Message)
		}
		steps = append(steps, step)
	}
	return steps
}
