package engine

import (
	"fmt"
	"testing"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/cel/environment"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// benched is what the benchmarks evaluate.
const benched = "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.memory) || c.image.startsWith('ghcr.io/'))"

// BenchmarkCELAlone is cel-go on the same expression and object, with nothing
// around it: what an evaluation costs at least.
func BenchmarkCELAlone(b *testing.B) {
	env, err := cel.NewEnv(cel.Variable("object", cel.DynType))
	if err != nil {
		b.Fatal(err)
	}
	ast, issues := env.Compile(benched)
	if issues.Err() != nil {
		b.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{"object": creating(b, "pods", pod).Object}
	b.ReportAllocs()
	for b.Loop() {
		if out, _, err := program.Eval(vars); err != nil || out.Value() != true {
			b.Fatal(out, err)
		}
	}
}

// BenchmarkCELAsAPIServer is cel-go with the API server's cost tracking.
func BenchmarkCELAsAPIServer(b *testing.B) {
	env, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv().Extend(cel.Variable("object", cel.DynType))
	if err != nil {
		b.Fatal(err)
	}
	ast, issues := env.Compile(benched)
	if issues.Err() != nil {
		b.Fatal(issues.Err())
	}
	program, err := env.Program(ast, cel.InterruptCheckFrequency(100))
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{"object": creating(b, "pods", pod).Object}
	b.ReportAllocs()
	for b.Loop() {
		if out, _, err := program.ContextEval(b.Context(), vars); err != nil || out.Value() != true {
			b.Fatal(out, err)
		}
	}
}

// benchedPolicy has validations of the benchmark's expression.
func benchedPolicy(b testing.TB, name string, validations int, lookups bool) policy.Evaluator {
	b.Helper()
	p := decoded[policiesv1.ValidatingPolicy](b, "metadata: {name: "+name+"}\nspec:"+podRule)
	for range validations {
		p.Spec.Validations = append(p.Spec.Validations, admissionregistrationv1.Validation{Expression: benched, Message: "refused"})
	}
	if lookups {
		p.Spec.Validations = append(p.Spec.Validations, admissionregistrationv1.Validation{Expression: "image(object.spec.containers[0].image).tag() == '1'"})
	}
	compiled, err := CompileValidating(p, Options{})
	if err != nil {
		b.Fatal(err)
	}
	return compiled
}

// BenchmarkValidate is one policy with one validation on one request, decoding
// included.
func BenchmarkValidate(b *testing.B) {
	benchmark(b, policy.NewSet([]policy.Evaluator{benchedPolicy(b, "p", 1, false)}, nil), creating(b, "pods", pod))
}

// BenchmarkValidateExtended is the same with one of Kyverno's functions besides.
func BenchmarkValidateExtended(b *testing.B) {
	benchmark(b, policy.NewSet([]policy.Evaluator{benchedPolicy(b, "p", 1, true)}, nil), creating(b, "pods", pod))
}

// BenchmarkValidateSixteen is sixteen policies with three validations each, as
// in the measurement on the API server.
func BenchmarkValidateSixteen(b *testing.B) {
	var all []policy.Evaluator
	for i := range 16 {
		all = append(all, benchedPolicy(b, fmt.Sprintf("p%d", i), 3, false))
	}
	benchmark(b, policy.NewSet(all, nil), creating(b, "pods", pod))
}

// BenchmarkNotConcerned is a policy about other resources.
func BenchmarkNotConcerned(b *testing.B) {
	request := creating(b, "configmaps", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, data: {a: b}}")
	benchmark(b, policy.NewSet([]policy.Evaluator{benchedPolicy(b, "p", 1, false)}, nil), request)
}

func benchmark(b *testing.B, set *policy.Set, request *policy.Request) {
	b.ReportAllocs()
	for b.Loop() {
		for _, result := range set.Validate(b.Context(), request, policy.World{}) {
			if result.Status != policy.Pass {
				b.Fatal(result)
			}
		}
	}
}

// BenchmarkMutate is one apply configuration on one request.
func BenchmarkMutate(b *testing.B) {
	text := "metadata: {name: p}\nspec:" + podRule + "  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: Object.metadata{labels: {'team': 'a'}}}\"}}]"
	compiled, err := CompileMutating(decoded[policiesv1.MutatingPolicy](b, text), Options{})
	if err != nil {
		b.Fatal(err)
	}
	request := creating(b, "pods", pod)
	b.ReportAllocs()
	for b.Loop() {
		if object, results := compiled.Mutate(b.Context(), request, policy.World{}, nil); object == nil {
			b.Fatal(results)
		}
	}
}

// BenchmarkCompile is one policy with three validations and its workload kinds.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchedPolicy(b, "p", 3, false)
	}
}
