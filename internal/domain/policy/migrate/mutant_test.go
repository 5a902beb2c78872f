package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
)

// slips are what somebody could get wrong in a new form: a text and what stands
// there instead. Each of them means something else wherever it applies.
var slips = [][2]string{
	{".exists(", ".all("},
	{"initContainers", "initialContainers"},
	{"'ALL'", "'NONE'"},
	{"'KILL', ", ""},
	{"'/emptyDir/sizeLimit'", "'/emptyDir/medium'"},
	{"100Mi", "101Mi"},
	{"'Always'", "'Never'"},
	{"livenessProbe", "startupProbe"},
	{"size(object.spec.containers) > 2", "size(object.spec.containers) > 1"},
	{"== 'DELETE'", "== 'CONNECT'"}, // nothing is changed of what is deleted: of checks alone
}

// TestMutants: the proof finds every slip in the new forms of the library, and
// also what is more or less strict with updates.
func TestMutants(t *testing.T) {
	t.Parallel()
	for name, text := range library(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range rewritten(t, text) {
				for what, mutant := range mutants(rule.after) {
					found, compiles := rule.again(t, mutant, 100)
					if compiles && len(found.Differences) == 0 {
						found, _ = rule.again(t, mutant, 1000) // as many as the command compares
					}
					if compiles && len(found.Differences) == 0 {
						t.Errorf("%s: with %s it is as before on %d requests", rule.source.Name, what, found.Objects)
					}
				}
			}
		})
	}
}

// mutants are other forms of a policy, by what is wrong with them.
func mutants(of client.Object) map[string]client.Object {
	made := map[string]client.Object{}
	switch p := of.(type) {
	case *policiesv1.ValidatingPolicy:
		for i, variable := range p.Spec.Variables {
			for _, instead := range map[string][]string{"wrongBefore": {"true", "false"}, "failureBefore": {"''", "variables.failure"}}[variable.Name] {
				mutant := p.DeepCopy()
				mutant.Spec.Variables[i].Expression = instead
				made[variable.Name+" "+instead] = mutant
			}
		}
		for i, validation := range p.Spec.Validations {
			for _, slip := range slips {
				mutant := p.DeepCopy()
				mutant.Spec.Validations[i].Expression = slipped(validation.Expression, slip)
				if mutant.Spec.Validations[i].Expression != validation.Expression {
					made[strings.Join(slip[:], " -> ")] = mutant
				}
			}
		}
		mutant := p.DeepCopy()
		mutant.Spec.Validations[0].Expression = "true"
		made["nothing refused"] = mutant
	case *policiesv1.MutatingPolicy:
		patch := p.Spec.Mutations[0].JSONPatch.Expression
		for _, slip := range append(slices.Clone(slips[:len(slips)-1]), [2]string{patch, "[]"}) {
			mutant := p.DeepCopy()
			mutant.Spec.Mutations[0].JSONPatch.Expression = slipped(patch, slip)
			if mutant.Spec.Mutations[0].JSONPatch.Expression != patch {
				made[strings.Join(slip[:], " -> ")] = mutant
			}
		}
	}
	return made
}

func slipped(text string, slip [2]string) string { return strings.ReplaceAll(text, slip[0], slip[1]) }
