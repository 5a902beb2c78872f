package lint_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lint"
)

// TestConstants: expressions and conditions that are the same for every object,
// and what is close to them and is not.
func TestConstants(t *testing.T) {
	t.Parallel()
	cel := func(conditions, variables, validations string) string {
		return `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: recommended}}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}]}
  matchConditions: [` + conditions + `]
  variables: [` + variables + `]
  validations: [{expression: "` + validations + `"}]
`
	}
	legacy := func(preconditions, judgement string) string {
		return `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: recommended}}
spec: {rules: [{name: r, match: {any: [{resources: {kinds: [Secret]}}]}, preconditions: {` + preconditions + `}, validate: {` + judgement + `}}]}
`
	}
	deny := func(conditions string) string { return legacy("", "deny: {conditions: {"+conditions+"}}") }
	const about = `{key: "{{ request.object.type }}", operator: Equals, value: x}`
	for _, test := range []struct {
		name, reason, text string
		want               lint.Code
		message            string
	}{
		{"compared", "literals", cel("", "", "1 == 1"), lint.NeverFires, "always true: no object violates it"},
		{"either of two", "nothing is both", cel("", "", "request.operation != 'CREATE' || request.operation != 'UPDATE'"), lint.NeverFires, "always true"},
		{"by a variable", "it is constant", cel("", "{name: all, expression: 'true'}", "variables.all || has(object.data)"), lint.NeverFires, "always true"},
		{"refuses all", "of a list", cel("", "", "'a' in ['b'] && has(object.data)"), lint.AlwaysFires, "always false: every object that matches violates it"},
		{"fails", "for every object", cel("", "", "1 / 0 == 1"), lint.AlwaysFires, "always fails (division by zero)"},
		{"fails unseen", "failures are ignored", strings.Replace(cel("", "", "1 / 0 == 1"), "spec:", "spec:\n  failurePolicy: Ignore", 1), lint.NeverFires, "failures are ignored"},
		{"a part", "it decides nothing", cel("", "", "has(object.data) && size('ab') == 2"), lint.Constant, `size("ab") == 2 is always true`},
		{"a branch", "never taken", cel("", "", "1 > 2 ? has(object.data) : has(object.type)"), lint.Unreachable, "1 > 2 is always false, so one of the branches"},
		{"a condition", "nothing meets it", cel("{name: c, expression: '!(1 < 2)'}", "", "has(object.data)"), lint.NeverFires, "nothing is concerned"},
		{"an empty condition", "everything does", cel("{name: c, expression: '1 < 2'}", "", "has(object.data)"), lint.Constant, "narrows nothing"},
		{"a condition of a legacy policy", "of the whole", strings.Replace(deny("any: ["+about+"]"), "spec: {", "spec: {webhookConfiguration: {matchConditions: [{name: c, expression: '1 == 2'}]}, ", 1), lint.NeverFires, "nothing is concerned"},
		{"CEL of a rule", "as in a policy", legacy("", `cel: {expressions: [{expression: "true || has(object.data)"}]}`), lint.NeverFires, "always true"},
		{"constants in deny", "equal", deny(`any: [{key: "1", operator: Equals, value: "1"}]`), lint.AlwaysFires, "every object that matches violates the rule"},
		{"different constants", "any operator", deny(`any: [{key: a, operator: AnyIn, value: [b, c]}]`), lint.NeverFires, "passes everything"},
		{"one of all", "suffices", deny(`all: [` + about + `, {key: 1, operator: GreaterThan, value: 2}]`), lint.NeverFires, "one of the conditions that must all hold"},
		{"one of any", "decides nothing", deny(`any: [` + about + `, {key: "{{ 'a' }}", operator: Equals, value: b}]`), lint.Constant, "never holds"},
		{"one of any holds", "and nothing else is asked", deny(`any: [` + about + `, {key: "{{ length('a') }}", operator: Equals, value: 1}]`), lint.AlwaysFires, "always hold"},
		{"one of all holds", "decides nothing", deny(`all: [` + about + `, {key: a, operator: NotEquals, value: b}]`), lint.Constant, "always holds"},
		{"preconditions", "that never hold", legacy(`all: [{key: request.operation, operator: Equals, value: CREATE}]`, `deny: {}`), lint.NeverFires, "concerns nothing"},
		{"empty preconditions", "always hold", legacy(`any: [{key: a, operator: Equals, value: a}]`, `deny: {}`), lint.Constant, "narrow nothing"},
		{"in lists", "of lists", legacy("", `foreach: [{list: request.object.data, foreach: [{list: element, deny: {conditions: {all: [{key: 1, operator: Equals, value: 2}]}}}]}]`), lint.NeverFires, "passes everything"},
		{"deny everything", "is said so", legacy("", "deny: {}"), "", ""},
		{"two templates", "are no single expression", deny(`any: [{key: "{{ request.namespace }}/{{ request.name }}", operator: Equals, value: a/b}]`), "", ""},
		{"the time", "is not constant", deny(`any: [{key: "{{ time_now_utc() }}", operator: Equals, value: x}]`), "", ""},
		{"templates in values", "are not either", deny(`any: [{key: a, operator: AnyIn, value: ["{{ request.namespace }}"]}]`), "", ""},
		{"two conditions", "nothing meets both", cel("{name: a, expression: 'object.type == \"a\"'}, {name: b, expression: 'object.type == \"b\" // why'}", "", "has(object.data)"), lint.NeverFires, "no request that is matched, which is CREATE, meets the conditions"},
		{"an operation", "that is not matched", cel("{name: a, expression: 'request.operation in [\"UPDATE\", \"DELETE\"]'}", "", "has(object.data)"), lint.NeverFires, "which is CREATE"},
		{"an operation that is", "among others", cel("{name: a, expression: 'request.operation in [\"UPDATE\", \"CREATE\"]'}", "", "has(object.data)"), "", ""},
		{"two conditions that are met", "by one operation", strings.Replace(cel("{name: a, expression: 'request.operation == \"UPDATE\"'}, {name: b, expression: 'oldObject != null'}", "", "has(object.data)"), "[CREATE]", "['*']", 1), "", ""},
		{"an operation in words", "there is none of that name", legacy(`all: [{key: "{{ request.operation || 'BACKGROUND' }}", operator: AnyIn, value: [CREAT, create]}]`, `deny: {}`), lint.NeverFires, "concerns nothing"},
		{"every operation", "is none of these", legacy(`all: [{key: "{{request.operation}}", operator: NotEquals, value: Update}]`, `deny: {}`), lint.Constant, "narrow nothing"},
		{"some operation", "or no request", legacy(`all: [{key: "{{ request.operation || 'BACKGROUND' }}", operator: Equals, value: BACKGROUND}]`, `deny: {}`), "", ""},
		{"kinds that must all be", "nothing is two", strings.Replace(legacy("", "deny: {}"), "any: [{resources: {kinds: [Secret]}}]", "all: [{resources: {kinds: [Secret]}}, {resources: {kinds: [v1/ConfigMap, Pod]}}]", 1), lint.NeverFires, "nothing is of these kinds and of those of another filter"},
		{"kinds and names", "of one", strings.Replace(legacy("", "deny: {}"), "any: [{resources: {kinds: [Secret]}}]", "all: [{resources: {kinds: [Secret]}}, {resources: {kinds: ['*']}}, {resources: {names: [a]}}, {resources: {kinds: [v1/Secret, Pod]}}]", 1), "", ""},
		{"exists", "asks for one", cel("", "", "object.?data.orValue({}).exists(k, true)"), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := check("p.yaml", test.text)
			if test.want == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Code != test.want || !strings.Contains(found[0].Message, test.message) {
				t.Errorf("%s: %v, want one %q with %q", test.reason, found, test.want, test.message)
			}
		})
	}
}

// TestNothingConstantInWhatWorks: what the platform brings, its examples and the
// corpus hold no constants, but for what tries functions out and what matches
// everything on purpose.
func TestNothingConstantInWhatWorks(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, root := range []string{"../../../../examples", "../catalogue/policies"} {
		add(t, texts, root)
	}
	cases, err := corpus.All(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range cases {
		if !strings.HasPrefix(each.Name, "cel/function") && each.Name != "cel/native-without-binding" {
			texts[each.Name] = string(each.Policy)
		}
	}
	if len(texts) < 200 {
		t.Fatalf("%d texts were read", len(texts))
	}
	for name, text := range texts {
		for _, finding := range check(name, text) {
			switch finding.Code {
			case lint.Constant, lint.NeverFires, lint.AlwaysFires, lint.Unreachable:
				if !strings.Contains(name, "as-printed") {
					t.Error(finding)
				}
			default:
			}
		}
	}
}

// add reads the YAML files below a folder.
func add(t *testing.T, texts map[string]string, root string) {
	t.Helper()
	folder := os.DirFS(root)
	err := fs.WalkDir(folder, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(folder, path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
