package autogen_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
)

func TestControllers(t *testing.T) {
	t.Parallel()
	const all = "CronJob DaemonSet Deployment Job ReplicaSet ReplicationController StatefulSet"
	pattern := `validate: {pattern: {spec: {}}}`
	for _, test := range []struct{ name, annotation, rule, want, reason string }{
		{"pods", "", `match: {any: [{resources: {kinds: [Pod]}}]}, ` + pattern, all, "all kinds unless an annotation says otherwise"},
		{"older form", "", `match: {resources: {kinds: [Pod]}}, ` + pattern, all, "without a list around it"},
		{"some", "Deployment, CronJob,Deployment,Other", `match: {any: [{resources: {kinds: [Pod]}}]}, ` + pattern, "CronJob Deployment", "those of the annotation that create Pods"},
		{"none", "none", `match: {any: [{resources: {kinds: [Pod]}}]}, ` + pattern, "", "switched off"},
		{"by name", "", `match: {any: [{resources: {kinds: [Pod], names: [a]}}]}, ` + pattern, "", "a Deployment's name is another"},
		{"by label", "Deployment", `match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {a: b}}}}]}, ` + pattern, "", "a Deployment's labels are others, whatever the annotation says"},
		{"exclude by name", "", `match: {any: [{resources: {kinds: [Pod]}}]}, exclude: {any: [{resources: {names: [a]}}]}, ` + pattern, "", "the same for exclude"},
		{"mixed kinds", "", `match: {any: [{resources: {kinds: [Pod, Deployment]}}]}, ` + pattern, "", "the author has written the other kinds"},
		{"other kinds", "", `match: {any: [{resources: {kinds: [Service]}}]}, ` + pattern, "", "no Pods at all"},
		{"json patch", "", `match: {any: [{resources: {kinds: [Pod]}}]}, mutate: {patchesJson6902: "[]"}`, "", "paths are those of Pods"},
	} {
		policy := parse(t, `{name: r, `+test.rule+`}`, test.annotation)
		if got := strings.Join(autogen.Controllers(policy), " "); got != test.want {
			t.Errorf("%s: got %q, want %q: %s", test.name, got, test.want, test.reason)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	match := `match: {any: [{resources: {kinds: [Pod]}}]}`
	for _, test := range []struct {
		name, rule string
		want       []string
		reason     string
	}{
		{
			"pattern", `validate: {message: "see $(./../pattern/spec/x)", pattern: {spec: {x: 1}}}`,
			[]string{`"pattern":{"spec":{"template":{"spec":{"x":1}}}}`, `pattern/spec/template/spec/x`, `"kinds":["apps/v1/DaemonSet","apps/v1/Deployment"]`, `"name":"autogen-r"`},
			"the pattern is of the template",
		},
		{
			"anyPattern", `validate: {message: "$(./../anyPattern/1/spec/x)", anyPattern: [{spec: {x: 1}}, {spec: {x: 2}}]}`,
			[]string{`"anyPattern":[{"spec":{"template":{"spec":{"x":1}}}},{"spec":{"template":{"spec":{"x":2}}}}]`, `anyPattern/1/spec/template/spec/x`},
			"each of them",
		},
		{
			"variables", `context: [{name: a, variable: {jmesPath: "request.object.metadata.labels.a"}}], validate: {deny: {conditions: {any: [{key: "{{request.object.spec.x}}", operator: Equals, value: "{{ request.oldObject.spec.x }}"}]}}}`,
			[]string{`request.object.spec.template.metadata.labels.a`, `{{request.object.spec.template.spec.x}}`, `{{ request.oldObject.spec.template.spec.x }}`},
			"variables look into the template",
		},
		{
			"overlay", `mutate: {patchStrategicMerge: {spec: {+(x): 1}}}`,
			[]string{`"patchStrategicMerge":{"spec":{"template":{"spec":{"+(x)":1}}}}`},
			"the overlay is laid over the template",
		},
		{
			"overlay for each", `mutate: {foreach: [{list: "request.object.spec.containers", patchStrategicMerge: {spec: {x: 1}}}]}`,
			[]string{`"list":"request.object.spec.template.spec.containers"`, `"patchStrategicMerge":{"spec":{"template":{"spec":{"x":1}}}}`},
			"with the list in the template",
		},
		{
			"cel", `validate: {cel: {expressions: [{expression: "object.spec.x == oldObject.spec.x"}]}}`,
			[]string{`object.spec.template.spec.x == oldObject.spec.template.spec.x`},
			"CEL names the object without request",
		},
		{
			"pod security", `validate: {podSecurity: {level: baseline}}`, []string{`"podSecurity":{"level":"baseline"}`}, "which knows workloads itself",
		},
		{
			"images", `verifyImages: [{imageReferences: ["*"]}]`, []string{`"verifyImages":[{"imageReferences":["*"]`}, "which finds images in workloads itself",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rules, err := autogen.Rules(parse(t, `{name: r, `+match+`, `+test.rule+`}`, "DaemonSet,Deployment"))
			if err != nil || len(rules) != 2 || rules[1].Index != 0 || strings.Join(rules[1].Kinds, " ") != "DaemonSet Deployment" {
				t.Fatalf("got %+v and %v, want the rule and one made of it", rules, err)
			}
			written, err := json.Marshal(rules[1].Rule)
			for _, want := range test.want {
				if err != nil || !strings.Contains(string(written), want) {
					t.Errorf("%s: got %s (%v), want %s in it", test.reason, written, err, want)
				}
			}
		})
	}
}

func TestCronJobs(t *testing.T) {
	t.Parallel()
	rules, err := autogen.Rules(parse(t, `{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, exclude: {any: [{resources: {namespaces: [x]}}]}, validate: {pattern: {spec: {x: "{{request.object.spec.y}}"}}}}`, "CronJob"))
	if err != nil || len(rules) != 2 {
		t.Fatalf("got %+v and %v, want the rule and one made of it", rules, err)
	}
	written, err := json.Marshal(rules[1].Rule)
	want := `{"name":"autogen-cronjob-r","match":{"any":[{"resources":{"kinds":["batch/v1/CronJob"]}}],"resources":{}},"exclude":{"any":[{"resources":{"namespaces":["x"]}}],"resources":{}},"validate":{"pattern":{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"x":"{{request.object.spec.jobTemplate.spec.template.spec.y}}"}}}}}}}}`
	if err != nil || string(written) != want {
		t.Errorf("got %s, %v\nwant %s", written, err, want)
	}
}

func parse(t *testing.T, rule, annotation string) *kyvernov1.ClusterPolicy {
	t.Helper()
	policy := &kyvernov1.ClusterPolicy{}
	if err := yaml.UnmarshalStrict([]byte(`{metadata: {name: p}, spec: {rules: [`+rule+`]}}`), policy); err != nil {
		t.Fatal(err)
	}
	if annotation != "" {
		policy.Annotations = map[string]string{autogen.Annotation: annotation}
	}
	return policy
}
