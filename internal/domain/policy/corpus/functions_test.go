package corpus_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
)

// TestEveryCELFunctionHasACase: each way to call one of Kyverno's functions, and
// each function of Kubernetes' and CEL's libraries, is called by a case that gets
// a result of it.
func TestEveryCELFunctionHasACase(t *testing.T) {
	t.Parallel()
	declared := dialect.Declarations{HasAuthorizer: true, HasPatchTypes: true}
	kubernetes, kyverno := dialect.Kubernetes().Env(declared).Functions(), dialect.Kyverno().Env(declared).Functions()
	called := calledBy(t, declared)
	for _, name := range slices.Sorted(maps.Keys(kyverno)) {
		if strings.HasPrefix(name, "generator") || operator(name) {
			continue
		}
		var missing []string
		ways := kyverno[name].OverloadDecls()
		for _, way := range ways {
			if !called[way.ID()] {
				missing = append(missing, way.ID())
			}
		}
		theirs := kubernetes[name]
		missing = slices.DeleteFunc(missing, func(id string) bool {
			return len(missing) < len(ways) && theirs != nil && slices.Contains(idsOf(theirs.OverloadDecls()), id) ||
				strings.HasPrefix(id, "roadbed_roadbed.Generator_")
		})
		if len(missing) > 0 {
			t.Errorf("no case calls %s: %q", name, missing)
		}
	}
}

// operator tells names of operators, and of what only macros call, from those
// that are written.
func operator(name string) bool { return strings.ContainsAny(name, "_@") || name == "in" }

func idsOf[T interface{ ID() string }](ways []T) []string {
	ids := make([]string, len(ways))
	for i, way := range ways {
		ids[i] = way.ID()
	}
	return ids
}

// calledBy are the overloads that cases with results call.
func calledBy(t *testing.T, declared dialect.Declarations) map[string]bool {
	t.Helper()
	env, err := dialect.Kyverno().Env(declared).Extend(cel.Variable("variables", cel.DynType), cel.Variable("params", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, c := range cases(t, "cel") {
		if len(c.Problems) > 0 || !judges(c) {
			continue
		}
		for document := range strings.SplitSeq(string(c.Policy), "\n---\n") {
			var tree any
			if err := sigsyaml.Unmarshal([]byte(document), &tree); err != nil {
				t.Fatal(err)
			}
			each(tree, func(text string) {
				checked, issues := env.Compile(text)
				if issues.Err() != nil {
					return // a text that is no expression
				}
				for _, reference := range checked.NativeRep().ReferenceMap() {
					for _, id := range reference.OverloadIDs {
						called[id] = true
					}
				}
			})
		}
	}
	return called
}

// judges tells whether a case expects a good result of anything, so that what it
// calls was not only an error.
func judges(c corpus.Case) bool {
	return slices.ContainsFunc(c.Expected, func(l corpus.Line) bool { return l.Status == "pass" || l.Status == "fail" })
}

// each visits the texts of a tree.
func each(tree any, visit func(string)) {
	switch node := tree.(type) {
	case string:
		visit(node)
	case []any:
		for _, item := range node {
			each(item, visit)
		}
	case map[string]any:
		for _, value := range node {
			each(value, visit)
		}
	}
}
