package proof_test

import (
	"encoding/json"
	"testing"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/proof"
)

const legacy = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: owned}
spec:
  validationFailureAction: Enforce
  rules:
  - name: owned
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    validate: {message: wrong, pattern: {metadata: {labels: {owner: "?*"}}}}
`

const strict = `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: owned}
spec:
  validationActions: [Deny]
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations:
  - message: wrong
    expression: "object.metadata.?labels.?owner.orValue('') != ''"
`

// proved compares the pattern above with a new form that refuses updates, too.
func proved(t *testing.T, n int) proof.Proof {
	t.Helper()
	var compiled []load.Compiled
	var rule kyvernov1.Rule
	for _, text := range []string{legacy, strict} {
		documents, problems := load.Parse("p.yaml", []byte(text))
		made, more := load.CompileEach(documents, load.Standard(load.Options{}))
		for _, problem := range append(problems, more...) {
			t.Fatal(problem)
		}
		compiled = append(compiled, made...)
		if p, ok := documents[0].Object.(*kyvernov1.ClusterPolicy); ok {
			rule = p.Spec.Rules[0]
		}
	}
	return proof.Prove(t.Context(), compiled[0].Evaluator, compiled[1].Evaluator, "owned", proof.Around(rule), n, 7)
}

// TestUpdates: a form that is stricter with updates is found out, by an update of
// an object that was wrong before.
func TestUpdates(t *testing.T) {
	t.Parallel()
	found := proved(t, 400)
	if found.Equal() || len(found.Differences) == 0 || found.Updates == 0 || found.Deletions == 0 || found.Tolerated == 0 {
		t.Fatalf("%+v", found)
	}
	for _, d := range found.Differences {
		if d.Operation != "UPDATE" || d.OldObject == nil || d.Before != "passes" || d.After != "fail" {
			t.Errorf("%s of %s was %s, is %s, before the update %v", d.Operation, d.Kind, d.Before, d.After, d.OldObject)
		}
	}
}

// TestSameSeed makes the same requests.
func TestSameSeed(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(proved(t, 200))
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(proved(t, 200))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Errorf("%s\nand then\n%s", first, second)
	}
}

// TestSentence says how many of what were compared, and what was not.
func TestSentence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		proof      proof.Proof
	}{
		{"equal", "equal on 9 requests, 3 of them updates and 2 deletions, of which it concerned 5 and refused 4", proof.Proof{Objects: 9, Updates: 3, Deletions: 2, Concerned: 5, Failed: 4}},
		{"empty", "equal on 9 requests, 0 of them updates and 0 deletions, of which it concerned 5; it refused NONE, so read what it refuses for yourself", proof.Proof{Objects: 9, Concerned: 5}},
		{"unproved", "NOT PROVED: of 9 requests it concerned none", proof.Proof{Objects: 9}},
		{"different", "DIFFERENT on some of 9 requests, the first of which follow", proof.Proof{Objects: 9, Differences: []proof.Difference{{}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.proof.Sentence(true); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// FuzzAround: no query of a rule makes reading it panic.
func FuzzAround(f *testing.F) {
	for _, seed := range []string{"request.object.spec.[a, b][].c[?d == 'e'] | length(@)", "keys(request.object.a)[]", "element.a.*", "a || b && !c", "[0].x[]"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, query string) {
		text, err := json.Marshal("{{ " + query + " }}")
		if err != nil {
			return
		}
		conditions := &kyvernov1.JSON{Raw: []byte(`{"all": [{"key": ` + string(text) + `, "operator": "Equals", "value": "x"}]}`)}
		proof.Around(kyvernov1.Rule{Preconditions: conditions, Validate: &kyvernov1.Validation{
			ForEach: []kyvernov1.ForEachValidation{{List: query, Deny: &kyvernov1.Deny{Conditions: conditions}}},
		}})
	})
}
