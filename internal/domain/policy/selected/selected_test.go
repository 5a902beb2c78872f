package selected_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/selected"
)

// served is a small cluster.
var served = []policy.Served{
	{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true},
	{Version: "v1", Kind: "Pod", Resource: "pods", Subresource: "exec", Namespaced: true},
	{Version: "v1", Kind: "Pod", Resource: "pods", Subresource: "ephemeralcontainers", Namespaced: true},
	{Version: "v1", Kind: "Secret", Resource: "secrets", Namespaced: true},
	{Version: "v1", Kind: "Namespace", Resource: "namespaces"},
	{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true},
	{Group: "a.example", Version: "v1", Kind: "Thing", Resource: "things"},
	{Group: "b.example", Version: "v1", Kind: "Thing", Resource: "things", Namespaced: true},
}

// TestLegacy: each kind is looked for.
func TestLegacy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, namespace, kinds, want string
	}{
		{"all there", "in the words of policies", "", "Secret, v1/Namespace, apps/v1/Deployment, apps/*/Deployment, Pod/exec, '*/*', '*/scale', 'apps/v1/*'", ""},
		{"a slip", "beside what is right", "", "Secret, Deploymnet", "the cluster serves no Deploymnet"},
		{"absent version", "and group", "", "apps/v1beta1/Deployment, c.example/v1/Thing", "the cluster serves no apps/v1beta1/Deployment; the cluster serves no c.example/v1/Thing"},
		{"absent subresource", "of a kind that is there", "", "Secret/exec", "the cluster serves no secrets/exec"},
		{"twice", "is told once", "", "Deploymnet, Deploymnet", "the cluster serves no Deploymnet"},
		{"of the cluster", "and a policy of a namespace", "shop", "Secret, Namespace, a.example/v1/Thing", "Namespace is in no namespace, and the policy is about namespace shop alone; a.example/v1/Thing is in no namespace, and the policy is about namespace shop alone"},
		{"of both", "one of the groups has it in namespaces", "shop", "Thing, '*'", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &kyvernov1.ClusterPolicy{}
			decode(t, p, `metadata: {name: p, namespace: "`+test.namespace+`"}
spec: {background: false, rules: [{name: r, match: {any: [{resources: {kinds: [`+test.kinds+`]}}]}, validate: {deny: {}}}]}`)
			evaluator, err := legacy.Compile(p, legacy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(selected.InVain(evaluator, test.namespace, served), "; "); got != test.want {
				t.Errorf("%s: %q, want %q", test.reason, got, test.want)
			}
		})
	}
}

// TestCEL: resources of a rule are in some of its groups only, so that only those
// of the cluster are told of.
func TestCEL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, namespace, groups, resources, want string
	}{
		{"some of each", "nobody means apps/pods", "", `"", apps`, "pods, deployments, nothing", ""},
		{"of the cluster", "and a policy of a namespace", "shop", `""`, "namespaces, pods", "v1/namespaces is in no namespace, and the policy is about namespace shop alone"},
		{"everything", "some of which is in namespaces", "shop", `"*"`, `"*", "*/*"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &policiesv1.ValidatingPolicy{}
			decode(t, p, `metadata: {name: p, namespace: "`+test.namespace+`"}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [`+test.groups+`], apiVersions: [v1], operations: [CREATE], resources: [`+test.resources+`]}]}
  validations: [{expression: "has(object.metadata.labels)"}]`)
			evaluator, err := engine.CompileValidating(p, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(selected.InVain(evaluator, test.namespace, served), "; "); got != test.want {
				t.Errorf("%s: %q, want %q", test.reason, got, test.want)
			}
		})
	}
}

func decode(t *testing.T, into any, text string) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}
