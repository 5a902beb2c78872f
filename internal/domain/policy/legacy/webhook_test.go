package legacy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
)

const mixed = `
metadata: {name: mixed, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}
spec:
  failurePolicy: Ignore
  background: false
  webhookConfiguration: {failurePolicy: Fail}
  rules:
  - name: label
    match: {any: [{resources: {kinds: [Pod]}, clusterRoles: [editor]}]}
    validate: {pattern: {metadata: {labels: {team: "?*"}}}}
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ["registry.corp.example/*", "other.example/*"]
      attestors: [{entries: [{keyless: {subject: a, issuer: b}}]}]
`

// TestDivide keeps the rules about images apart: they alone must fail closed for
// their images, and they alone may be asked only about Pods that name one.
func TestDivide(t *testing.T) {
	t.Parallel()
	whole := compiledOf(t, mixed)
	if patterns := whole.(policy.Imaged).ImagePatterns(); patterns != nil {
		t.Errorf("a policy with other rules is asked only about images %q", patterns)
	}
	if !whole.(policy.Closed).FailsClosed() || !whole.(policy.Roled).AsksRoles() {
		t.Error("the new place of failurePolicy wins over the old one, and the policy matches by roles")
	}
	parts := whole.(policy.Divisible).Divide()
	if len(parts) != 2 {
		t.Fatalf("%d parts, want two", len(parts))
	}
	if _, mutates := parts[0].(policy.Mutator); mutates {
		t.Error("the rules that change nothing are taken for some that do")
	}
	if _, mutates := parts[1].(policy.Mutator); !mutates {
		t.Error("the rules that pin digests are taken for some that change nothing")
	}
	if diff := cmp.Diff([]string{"registry.corp.example/*", "other.example/*"}, parts[1].(policy.Imaged).ImagePatterns()); diff != "" {
		t.Error(diff)
	}
	for _, part := range parts {
		if again := part.(policy.Divisible).Divide(); again != nil {
			t.Errorf("a part is divided again, into %d", len(again))
		}
	}
}

// TestUndivided: a policy of one sort is asked as it is.
func TestUndivided(t *testing.T) {
	t.Parallel()
	evaluator := compiledOf(t, `
metadata: {name: plain}
spec:
  rules:
  - name: label
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    validate: {pattern: {metadata: {labels: {team: "?*"}}}}
`)
	if evaluator.(policy.Divisible).Divide() != nil || evaluator.(policy.Closed).FailsClosed() || evaluator.(policy.Roled).AsksRoles() {
		t.Error("the policy is of one sort, says nothing of failures, and asks for no roles")
	}
}

func compiledOf(t *testing.T, text string) policy.Evaluator {
	t.Helper()
	var p kyvernov1.ClusterPolicy
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	evaluator, err := legacy.Compile(&p, legacy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return evaluator
}
