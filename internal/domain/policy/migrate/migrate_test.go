package migrate_test

import (
	"encoding/json"
	"strings"
	"testing"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate"
)

// head is what every case's rule begins with.
const head = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [KIND]}}]}
`

// TestRewrite rewrites rules and proves them equal on 400 objects each.
func TestRewrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, kind, rule string }{
		{"a field", "Pod", "validate: {message: wrong, pattern: {spec: {hostNetwork: false}}}"},
		{"a field if it is there", "Pod", "validate: {message: wrong, pattern: {spec: {'=(hostNetwork)': false}}}"},
		{"labels", "Pod", "validate: {message: wrong, pattern: {metadata: {labels: {app: '?*'}}}}"},
		{"a label with a slash", "ConfigMap", "validate: {message: wrong, pattern: {metadata: {labels: {app.kubernetes.io/name: web}}}}"},
		{"every container", "Pod", "validate: {message: wrong, pattern: {spec: {containers: [{resources: {limits: {memory: '?*'}}}]}}}"},
		{"images", "Pod", "validate: {message: wrong, pattern: {spec: {containers: [{image: '!*:latest'}]}}}"},
		{"a condition", "Pod", "validate: {message: wrong, pattern: {spec: {containers: [{(image): '*:latest', imagePullPolicy: Always}]}}}"},
		{"never there", "Pod", "validate: {message: wrong, pattern: {spec: {'X(nodeName)': 'null'}}}"},
		{"some container", "Pod", "validate: {message: wrong, pattern: {spec: {^(containers): [{image: registry*}]}}}"},
		{"one of", "Service", "validate: {message: wrong, pattern: {spec: {type: ClusterIP | LoadBalancer}}}"},
		{"at most", "Pod", "validate: {message: wrong, pattern: {spec: {containers: [{resources: {limits: {memory: <=1Gi}}}]}}}"},
		{"any pattern", "Pod", "validate: {message: wrong, anyPattern: [{spec: {hostPID: true}}, {metadata: {labels: {app: web}}}]}"},
		{"never in a list", "Pod", "validate: {message: wrong, pattern: {spec: {=(volumes): [{X(hostPath): 'null'}]}}}"},
		{"foreach by a pattern", "Pod", "validate: {message: wrong, foreach: [{list: request.object.spec.containers, pattern: {image: '!*:latest'}}, {list: request.object.spec.ephemeralContainers, pattern: {image: '*:*'}}]}"},
		{"CEL", "Pod", "validate: {cel: {expressions: [{message: wrong, expression: 'object.spec.?hostNetwork.orValue(false) == false && !has(object.spec.hostPID)'}]}}"},
		{"an operation that is known", "Pod", "preconditions: {all: [{key: \"{{ request.operation || 'BACKGROUND' }}\", operator: NotEquals, value: DELETE}]}\n    validate: {message: wrong, pattern: {spec: {hostNetwork: false}}}"},
		{"deny equals", "Pod", "validate: {message: wrong, deny: {conditions: {any: [{key: '{{ request.object.spec.hostNetwork || `false` }}', operator: Equals, value: true}]}}}"},
		{"deny any in", "Pod", "validate: {message: wrong, deny: {conditions: {all: [{key: '{{ request.object.spec.containers[].image }}', operator: AnyIn, value: ['nginx:latest', 'evil*']}]}}}"},
		{"preconditions", "Pod", "preconditions: {all: [{key: \"{{ request.object.metadata.labels.app || '' }}\", operator: Equals, value: web}]}\n    validate: {message: wrong, pattern: {spec: {hostNetwork: false}}}"},
		{"foreach", "Pod", "validate: {message: wrong, foreach: [{list: request.object.spec.containers, deny: {conditions: {any: [{key: '{{ element.image }}', operator: Equals, value: 'nginx:latest'}]}}}]}"},
		{"add a label", "ConfigMap", "mutate: {patchStrategicMerge: {metadata: {labels: {+(team): nobody}}}}"},
		{"defaults of containers", "Pod", "mutate: {patchStrategicMerge: {spec: {containers: [{(name): '*', resources: {limits: {+(memory): 512Mi, +(cpu): 500m}}}]}}}"},
		{"a JSON patch", "ConfigMap", "mutate: {patchesJson6902: '[{op: add, path: /metadata/name, value: fixed}]'}"},
		{"signed images", "Pod", `verifyImages: [{imageReferences: ["registry.corp.example/*"], attestors: [{entries: [{keys: {publicKeys: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEO/ffUiDYad13pBlMWi3ia9U2LeYl\njpyv4SYJlAk8sLFrFdQfQzcwthP/3N4wQkVfeTCjLjVe5Yp/yuPpyN1cPw==\n-----END PUBLIC KEY-----", rekor: {ignoreTlog: true}}}]}]}]`},
		{"set a label", "ConfigMap", "mutate: {patchStrategicMerge: {metadata: {labels: {team: nobody}}}}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			prove(t, strings.Replace(head, "KIND", test.kind, 1)+"    "+test.rule+"\n")
		})
	}
}

func compile(t *testing.T, documents []load.Document) []load.Compiled {
	t.Helper()
	compiled, problems := load.CompileEach(documents, load.Standard(load.Options{}))
	for _, problem := range problems {
		t.Fatal(problem)
	}
	return compiled
}

func prove(t *testing.T, text string) {
	t.Helper()
	documents, problems := load.Parse("p.yaml", []byte(text))
	for _, problem := range problems {
		t.Fatal(problem)
	}
	before := compile(t, documents)[0]
	source, ok := documents[0].Object.(*kyvernov1.ClusterPolicy)
	if !ok {
		t.Fatalf("%T", documents[0].Object)
	}
	for i, rewritten := range migrate.Rewrite(source) {
		if rewritten.Left != "" {
			t.Fatalf("left: %s", rewritten.Left)
		}
		after := compile(t, []load.Document{load.Of(rewritten.Policy, "rewritten")})[0]
		proof := migrate.Prove(t.Context(), before.Evaluator, after.Evaluator, rewritten.Rule, migrate.Around(source.Spec.Rules[i]), 400, 1)
		for _, difference := range proof.Differences {
			object, _ := json.Marshal(difference.Object)
			t.Errorf("%s: was %s, is %s: %s", difference.Kind, difference.Before, difference.After, object)
		}
		if proof.Concerned == 0 {
			t.Errorf("of %d objects the rule concerned none", proof.Objects)
		}
		if proof.Failed == 0 && source.Spec.Rules[i].Mutate == nil {
			t.Errorf("of %d objects the rule refused none, so that its checks were not compared", proof.Objects)
		}
	}
}

// TestRewriteLeaves what it cannot say, with the reason.
func TestRewriteLeaves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, kind, rule, reason string }{
		{"context", "Pod", "context: [{name: x, configMap: {name: a, namespace: b}}]\n    validate: {message: wrong, pattern: {spec: {a: b}}}", "context entries"},
		{"a kind nobody knows", "Widget", "validate: {message: wrong, pattern: {spec: {a: b}}}", "none of Kubernetes' own"},
		{"targets", "Pod", "mutate: {targets: [{apiVersion: v1, kind: ConfigMap, name: x}], patchStrategicMerge: {data: {a: b}}}", "other objects"},
		{"a variable in a pattern", "Pod", "validate: {message: wrong, pattern: {spec: {a: '{{ request.namespace }}'}}}", "variables in patterns"},
		{"a duration", "Pod", "validate: {message: wrong, pattern: {spec: {a: '>1h30m'}}}", "no quantity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			documents, problems := load.Parse("p.yaml", []byte(strings.Replace(head, "KIND", test.kind, 1)+"    "+test.rule+"\n"))
			for _, problem := range problems {
				t.Fatal(problem)
			}
			rewritten := migrate.Rewrite(documents[0].Object.(*kyvernov1.ClusterPolicy))
			if rewritten[0].Policy != nil || !strings.Contains(rewritten[0].Left, test.reason) {
				t.Errorf("left %q, want %q in it", rewritten[0].Left, test.reason)
			}
		})
	}
}
