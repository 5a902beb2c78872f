package engine_test

import (
	"fmt"
	"runtime"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
)

// maxHeap is what 500 policies may occupy.
const maxHeap = 150 << 20

// TestMemory holds 500 policies of three validations, variables and a message
// each, and their workload kinds.
func TestMemory(t *testing.T) {
	if underRace {
		t.Skip("the race detector changes what things weigh")
	}
	const policies = 500
	before := heap()
	kept := make([]policy.Evaluator, 0, policies)
	for i := range policies {
		p := new(policiesv1.ValidatingPolicy)
		parse(t, fmt.Sprintf("metadata: {name: p%d}\nspec:", i)+`
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}]
  variables: [{name: all, expression: "object.spec.containers + object.spec.?initContainers.orValue([])"}]
  validations: [{expression: "true", messageExpression: "string(variables.all.size())"}]
`, p)
		for j := range 3 {
			p.Spec.Validations = append(p.Spec.Validations, admissionregistrationv1.Validation{
				Expression: fmt.Sprintf("variables.all.all(c, has(c.resources) && c.image != 'x%d%d')", i, j), Message: "refused",
			})
		}
		compiled, err := engine.CompileValidating(p, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, compiled)
	}
	grown := heap() - before
	runtime.KeepAlive(kept)
	t.Logf("%d policies occupy %.1f MB, %.1f kB each", policies, float64(grown)/(1<<20), float64(grown)/policies/(1<<10))
	if grown > maxHeap {
		t.Errorf("%d policies occupy %d MB, want at most %d", policies, grown>>20, maxHeap>>20)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
