package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
)

// TestScopes tells the webhook what a policy must be asked about.
func TestScopes(t *testing.T) {
	t.Parallel()
	evaluator := imagePolicyOf(t, `
metadata: {name: signed, annotations: {}}
spec:
  failurePolicy: Fail
  autogen: {podControllers: {controllers: [deployments]}}
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [pods]}
  matchImageReferences: [{glob: "registry.corp.example/*"}]
  validations: [{expression: "true"}]
`)
	all := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect}
	covers := func(group, resource, subresource string) bool {
		served := policy.Served{Group: group, Version: "v1", Resource: resource, Subresource: subresource}
		return len(policy.Covering([]policy.Evaluator{evaluator}, []policy.Served{served}, all...)) > 0
	}
	got := []bool{covers("", "pods", ""), covers("", "pods", "status"), covers("apps", "deployments", ""), covers("apps", "daemonsets", "")}
	if diff := cmp.Diff([]bool{true, false, true, false}, got); diff != "" {
		t.Errorf("pods and Deployments are in scope, and nothing else (-want +got):\n%s", diff)
	}
	if closed, ok := evaluator.(policy.Closed); !ok || !closed.FailsClosed() {
		t.Error("the policy says failurePolicy: Fail, and that is not known")
	}
	if diff := cmp.Diff([]string{"registry.corp.example/*"}, evaluator.(policy.Imaged).ImagePatterns()); diff != "" {
		t.Error(diff)
	}
}

// TestScopesOfExpressions: which images an expression selects is not known
// before it is asked.
func TestScopesOfExpressions(t *testing.T) {
	t.Parallel()
	evaluator := imagePolicyOf(t, `
metadata: {name: signed}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  matchImageReferences: [{glob: "registry.corp.example/*"}, {expression: "ref.startsWith('x')"}]
  validations: [{expression: "true"}]
`)
	if diff := cmp.Diff([]string{"*"}, evaluator.(policy.Imaged).ImagePatterns()); diff != "" {
		t.Error(diff)
	}
	if evaluator.(policy.Closed).FailsClosed() {
		t.Error("a policy that says nothing does not ask to fail closed")
	}
}

func imagePolicyOf(t *testing.T, text string) policy.Evaluator {
	t.Helper()
	var p policiesv1.ImageValidatingPolicy
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	evaluator, err := engine.CompileImageValidating(&p, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return evaluator
}
