package migrate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/proof"
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

// prove rewrites the rules of a policy, and wants both forms to be equal.
func prove(t *testing.T, text string) {
	t.Helper()
	for _, rule := range rewritten(t, text) {
		for _, d := range rule.proof.Differences {
			object, _ := json.Marshal(d.Object)
			before, _ := json.Marshal(d.OldObject)
			t.Errorf("%s of %s was %s, is %s: %s, before %s", d.Operation, d.Kind, d.Before, d.After, object, before)
		}
		if rule.proof.Concerned == 0 {
			t.Errorf("of %d objects the rule concerned none", rule.proof.Objects)
		}
		if rule.proof.Failed == 0 && rule.source.Mutate == nil {
			t.Errorf("of %d objects the rule refused none, so that its checks were not compared", rule.proof.Objects)
		}
	}
}

// proved is a rule in both forms.
type proved struct {
	source kyvernov1.Rule
	before policy.Evaluator
	after  client.Object
	proof  proof.Proof
}

// again compares another new form of the rule.
func (p proved) again(t *testing.T, after client.Object, n int) (proof.Proof, bool) {
	t.Helper()
	compiled, problems := load.CompileEach([]load.Document{load.Of(after, "rewritten")}, load.Standard(load.Options{}))
	if len(problems) > 0 {
		return proof.Proof{}, false
	}
	return proof.Prove(t.Context(), p.before, compiled[0].Evaluator, p.source.Name, proof.Around(p.source), n, 1), true
}

// rewritten rewrites the rules of a policy; none may be left.
func rewritten(t *testing.T, text string) []proved {
	t.Helper()
	documents, problems := load.Parse("p.yaml", []byte(text))
	for _, problem := range problems {
		t.Fatal(problem)
	}
	source, ok := documents[0].Object.(*kyvernov1.ClusterPolicy)
	if !ok {
		t.Fatalf("%T", documents[0].Object)
	}
	var all []proved
	for i, rule := range migrate.Rewrite(source) {
		if rule.Left != "" {
			t.Fatalf("%s left: %s", rule.Field, rule.Left)
		}
		before := compile(t, []load.Document{documents[0].As(migrate.Single(source, i))})[0]
		compile(t, []load.Document{load.Of(rule.Policy, "rewritten")})
		made := proved{source: source.Spec.Rules[i], before: before.Evaluator, after: rule.Policy}
		made.proof, _ = made.again(t, made.after, 400)
		all = append(all, made)
	}
	return all
}

// TestImages: of an update that changes one image, the new form judges the others,
// too. That is the one difference, and the proof names it.
func TestImages(t *testing.T) {
	t.Parallel()
	const rule = `verifyImages: [{imageReferences: ["registry.corp.example/*"], attestors: [{entries: [{keys: {publicKeys: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEO/ffUiDYad13pBlMWi3ia9U2LeYl\njpyv4SYJlAk8sLFrFdQfQzcwthP/3N4wQkVfeTCjLjVe5Yp/yuPpyN1cPw==\n-----END PUBLIC KEY-----", rekor: {ignoreTlog: true}}}]}]}]`
	for _, made := range rewritten(t, strings.Replace(head, "KIND", "Pod", 1)+"    "+rule+"\n") {
		if len(made.proof.Differences) == 0 || made.proof.Concerned == 0 || made.proof.Failed == 0 {
			t.Errorf("%+v", made.proof)
		}
		for _, d := range made.proof.Differences {
			if d.OldObject == nil || d.Before != "passes" || !strings.HasPrefix(d.After, "fail") {
				t.Errorf("%s of %s was %s, is %s", d.Operation, d.Kind, d.Before, d.After)
			}
		}
	}
}

// TestField names the field that was left, as the policy has it.
func TestField(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ match, field string }{
		{"{any: [{resources: {kinds: [Pod]}}, {resources: {kinds: [Pod], selector: {matchLabels: {a: 'b*'}}}}]}", "any[1].resources.selector"},
		{"{all: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {a: 'b*'}}}}]}", "all[0].resources.namespaceSelector"},
		{"{resources: {kinds: [Pod], selector: {matchLabels: {a: 'b*'}}}}", "resources.selector"},
	} {
		text := strings.Replace(head, "{any: [{resources: {kinds: [KIND]}}]}", test.match, 1) + "    validate: {message: wrong, pattern: {spec: {a: b}}}\n"
		documents, problems := load.Parse("p.yaml", []byte(text))
		for _, problem := range problems {
			t.Fatal(problem)
		}
		left := migrate.Rewrite(documents[0].Object.(*kyvernov1.ClusterPolicy))[0]
		if want := "spec.rules[0].match." + test.field; left.Field != want || !strings.Contains(left.Left, "wildcards in selectors") {
			t.Errorf("%q is left: %s, want %q", left.Field, left.Left, want)
		}
	}
}

// TestRewriteLeaves what it cannot say, with the reason.
func TestRewriteLeaves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, kind, rule, reason string }{
		{"context", "Pod", "context: [{name: x, configMap: {name: a, namespace: b}}]\n    validate: {message: wrong, pattern: {spec: {a: b}}}", "looks something up"},
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
