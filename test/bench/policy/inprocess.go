package main

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/impact"
)

// rounds is how often an evaluation is repeated; its cost is their mean.
const rounds = 20_000

// evaluation compares one validation in the engine with cel-go alone: the same
// expression on the same object.
func (b *bench) evaluation(ctx context.Context) error {
	b.say("evaluate in process, %d times", rounds)
	single := many(1)
	single[0].Spec.Validations = single[0].Spec.Validations[1:2]
	evaluators, err := compiled(single)
	if err != nil {
		return err
	}
	request := podRequest(1)
	alone, err := celAlone(single[0].Spec.Validations[0].Expression, request.Object)
	if err != nil {
		return err
	}
	ours := timed(rounds, func() { evaluators[0].Validate(ctx, request, policy.World{}) })
	all, err := compiled(many(16))
	if err != nil {
		return err
	}
	set := policy.NewSet(all, nil)
	together := timed(rounds/10, func() { set.Validate(ctx, request, policy.World{}) })
	b.report.add("one evaluation in process", "", "%.1f us; cel-go alone %.1f us; ratio %.2f", micros(ours), micros(alone), float64(ours)/float64(alone))
	b.report.add("16 policies x 3 validations in process", "", "%.1f us a request, %.2f us a validation", micros(together), micros(together)/48)
	return nil
}

// celAlone is the cost of an expression with nothing but cel-go around it.
func celAlone(expression string, object map[string]any) (time.Duration, error) {
	env, err := cel.NewEnv(cel.Variable("object", cel.DynType))
	if err != nil {
		return 0, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return 0, issues.Err()
	}
	program, err := env.Program(ast)
	if err != nil {
		return 0, err
	}
	input := map[string]any{"object": object}
	if out, _, err := program.Eval(input); err != nil || out.Value() != true {
		return 0, fmt.Errorf("evaluate with cel-go alone: %v, %w", out, err)
	}
	return timed(rounds, func() { _, _, _ = program.Eval(input) }), nil
}

func timed(n int, work func()) time.Duration {
	for range n / 10 { // warm up
		work()
	}
	begun := time.Now()
	for range n {
		work()
	}
	return time.Since(begun) / time.Duration(n)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// memory measures what 500 compiled policies that have all been used keep, as
// the heap grows by it, beside the process's resident memory.
func (b *bench) memory(ctx context.Context) error {
	b.say("compile 500 policies")
	before := heap()
	begun := time.Now()
	evaluators, err := compiled(many(500))
	if err != nil {
		return err
	}
	took := time.Since(begun)
	set := policy.NewSet(evaluators, nil)
	set.Validate(ctx, podRequest(1), policy.World{})
	grown := float64(heap()-before) / (1 << 20)
	resident, err := residentMiB()
	if err != nil {
		return err
	}
	runtime.KeepAlive(set)
	b.report.summary.RSS = round(resident)
	b.report.add("memory with 500 policies x 3 validations", "<= 150 MiB", "%.0f MiB resident in all; their heap %.0f MiB; compiled in %.1f s", resident, grown, took.Seconds())
	return nil
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// forecast measures 16 policies over 10,000 objects.
func (b *bench) forecast(ctx context.Context) error {
	const objects = 10_000
	b.say("forecast 16 policies over %d objects", objects)
	evaluators, err := compiled(many(16))
	if err != nil {
		return err
	}
	var requests iter.Seq2[*policy.Request, error] = func(yield func(*policy.Request, error) bool) {
		for i := range objects {
			if !yield(podRequest(i), nil) {
				return
			}
		}
	}
	begun := time.Now()
	made, err := impact.Run(ctx, policy.NewSet(evaluators, nil), requests, impact.Options{Examples: 3, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	if made.Requests != objects || made.Errs() || made.Refuses() {
		return fmt.Errorf("the forecast says %d requests, %d refused", made.Requests, made.Refused)
	}
	took := time.Since(begun)
	b.report.summary.Impact = round(took.Seconds())
	b.report.add("forecast of 16 policies x 3 over 10,000 objects", "<= 10 s", "%.2f s", took.Seconds())
	return nil
}
