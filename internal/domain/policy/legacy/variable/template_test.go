package variable_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

func decoded(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("the test's own JSON %q: %v", text, err)
	}
	return value
}

const deployment = `{
	"apiVersion": "apps/v1", "kind": "Deployment",
	"metadata": {"name": "shop", "namespace": "team", "labels": {"app": "shop", "key": "app", "{{odd}}": "x"}},
	"spec": {"replicas": 3, "paused": false, "template": {"spec": {
		"initContainers": [{"name": "init", "image": "busybox"}],
		"containers": [{"name": "web", "image": "ghcr.io/team/web:v1", "args": ["--template={{ request.object.kind }}"]}]}}}
}`

func request(t testing.TB) *policy.Request {
	t.Helper()
	object, _ := decoded(t, deployment).(map[string]any)
	return &policy.Request{
		Operation: admissionv1.Create,
		Kind:      schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		Resource:  schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
		Namespace: "team",
		Object:    object,
		User:      authenticationv1.UserInfo{Username: "system:serviceaccount:ci:deployer", Groups: []string{"ci"}},
		Roles:     []string{"team:editor"},
	}
}

func context(t testing.TB) *variable.Context {
	t.Helper()
	env := jmespath.Env{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	return variable.ForRequest(request(t), env, nil).With("settings", decoded(t, `{"team": "a", "limit": 5, "none": null}`))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, tree, want string }{
		{"a tree without variables", `{"a": [1, "b", {"c": null}]}`, `{"a": [1, "b", {"c": null}]}`},
		{"a string in text", `"name: {{ request.object.metadata.name }}!"`, `"name: shop!"`},
		{"several in one string", `"{{request.namespace}}/{{ request.name }}"`, `"team/shop"`},
		{"a value keeps its type", `{"n": "{{ request.object.spec.replicas }}", "b": "{{request.object.spec.paused}}"}`, `{"n": 3, "b": false}`},
		{"an object keeps its type", `"{{ request.object.metadata.labels }}"`, `{"app": "shop", "key": "app", "{{odd}}": "x"}`},
		{"null stays null", `"{{ settings.none }}"`, `null`},
		{"what is no string is JSON within text", `"{{ settings.limit }}, {{ request.object.spec.paused }}, {{ settings.none }}, {{ keys(settings) }}"`, `"5, false, null, [\"limit\",\"none\",\"team\"]"`},
		{"keys", `{"{{ settings.team }}-x": {"y{{ settings.limit }}": 1}}`, `{"a-x": {"y5": 1}}`},
		{"a variable in a variable", `"{{ request.object.metadata.labels.{{ request.object.metadata.labels.key }} }}"`, `"shop"`},
		{"a variable in a string in a variable", `"{{ to_upper('{{ settings.team }}') }}"`, `"A"`},
		{"a variable in a literal in a variable", "\"{{ add(`{{ settings.limit }}`, `1`) }}\"", `6`},
		{"an object in a literal in a variable", "\"{{ label_match(`{\\\"app\\\": \\\"shop\\\"}`, request.object.metadata.labels) }}\"", `true`},
		{"braces of an expression", `"{{ {t: settings.team, n: {l: settings.limit}} }}"`, `{"t": "a", "n": {"l": 5}}`},
		{"braces without space", `"{{{t: settings.team}}}"`, `{"t": "a"}`},
		{"braces at the end", `"x {{ settings.{t: team}}}"`, `"x {\"t\":\"a\"}"`},
		{"braces in quotes", `"{{ split('a}}b{c', '}}')[1] }}"`, `"b{c"`},
		{"an escaped quote", `"{{ 'it\\'s}}' }}"`, `"it's}}"`},
		{"an escaped variable", `"\\{{ request.object }} of {{ request.namespace }}"`, `"{{ request.object }} of team"`},
		{"an escape alone", `"\\{{ x }}"`, `"{{ x }}"`},
		{"a variable in an escaped one", `"\\{{ a.{{ settings.team }} }}"`, `"{{ a.a }}"`},
		{"what never ends is text", `"{{ request.object"`, `"{{ request.object"`},
		{"what ends too early is text", `"{{ a } b }}"`, `"{{ a } b }}"`},
		{"closing braces alone are text", `"}} {} {"`, `"}} {} {"`},
		{"data is not read as a template", `"{{ request.object.spec.template.spec.containers[0].args[0] }}"`, `"--template={{ request.object.kind }}"`},
		{"data within text is not read as a template", `"<{{ request.object.spec.template.spec.containers[0].args[0] }}>"`, `"<--template={{ request.object.kind }}>"`},
		{"images", `"{{ images.containers.web.registry }} {{ images.initContainers.init.reference }} {{ images.containers.*.tag }}"`, `"ghcr.io docker.io/busybox:latest [\"v1\"]"`},
		{"service account", `"{{ serviceAccountNamespace }}/{{ serviceAccountName }}"`, `"ci/deployer"`},
		{"user", `"{{ request.userInfo.username }} {{ request.userInfo.groups[0] }} {{ request.roles[0] }} {{ length(request.clusterRoles) }}"`, `"system:serviceaccount:ci:deployer ci team:editor 0"`},
		{"operation and kind", `"{{ request.operation }} {{ request.kind.kind }} {{ request.resource.resource }} {{ request.dryRun }}"`, `"CREATE Deployment deployments false"`},
		{"no old object", `"{{ request.oldObject.metadata.name }}"`, `null`},
		{"a default", `"{{ request.object.spec.missing || 'x' }}"`, `"x"`},
		{"time", `"{{ time_now_utc() }}"`, `"2026-11-23T00:00:00Z"`},
		{"the same place", `{"spec": {"replicas": "{{@}}", "template": {"spec": {"(containers)": [{"image": "{{ @ }}"}]}}}}`, `{"spec": {"replicas": 3, "template": {"spec": {"(containers)": [{"image": "ghcr.io/team/web:v1"}]}}}}`},
		{"the same place, beyond the list", `{"spec": {"template": {"spec": {"containers": ["x", {"image": "{{@}}"}]}}}}`, `{"spec": {"template": {"spec": {"containers": ["x", {"image": null}]}}}}`},
		{"a reference", `{"a": {"b": "3000"}, "c": "$(./../a/b)"}`, `{"a": {"b": "3000"}, "c": "3000"}`},
		{"a reference keeps the type", `{"a": 3000, "c": "$(/a)"}`, `{"a": 3000, "c": 3000}`},
		{"a reference with an operator", `{"l": {"memory": "1Gi"}, "r": {"memory": "$(<=./../../l/memory)"}}`, `{"l": {"memory": "1Gi"}, "r": {"memory": "<=1Gi"}}`},
		{"a reference past an anchor", `{"=(a)": [{"X(b)": 1}], "c": "!$(./../a/0/b) "}`, `{"=(a)": [{"X(b)": 1}], "c": "!1 "}`},
		{"a reference to a variable", `{"a": "{{ settings.limit }}", "b": "$(./../a)"}`, `{"a": 5, "b": 5}`},
		{"an escaped reference", `{"a": "\\$(HOME)/x", "b": "pay $5 (five)"}`, `{"a": "$(HOME)/x", "b": "pay $5 (five)"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			template, err := variable.Parse(decoded(t, tt.tree), "rule", nil)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := template.Resolve(context(t))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(decoded(t, tt.want), got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestResolveNamesThePlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, tree, want string
		missing          bool
	}{
		{"a missing key", `{"spec": {"a": ["x", "{{ request.object.spec.missing }}"]}}`, `at validate/pattern/spec/a/1: variable {{ request.object.spec.missing }}: there is no key "missing" in the path`, true},
		{"a missing name", `"{{ nothing.at.all }}"`, `there is no key "nothing"`, true},
		{"a missing key of an inner variable", `"{{ a.{{ settings.gone }} }}"`, `variable {{ a.{{ settings.gone }} }}: variable {{ settings.gone }}: there is no key "gone"`, true},
		{"a wrong type", `{"m": "{{ to_upper(settings.limit) }}"}`, `at validate/pattern/m: variable {{ to_upper(settings.limit) }}: function "to_upper": argument 1 must be of type string, not number`, false},
		{"an expression that is wrong once it is whole", `"{{ '{{ settings.team }}' x }}"`, `JMESPath expression "'a' x", column 5`, false},
		{"a key", `{"{{ request.object.gone }}": 1}`, `key "{{ request.object.gone }}"`, true},
		{"two keys that become one", `{"a": 1, "{{ settings.team }}": 2}`, `becomes "a", which is there already`, false},
		{"the same place where there is none", `{"spec": {"missing": "{{@}}"}}`, `there is no key "missing"`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			template, err := variable.Parse(decoded(t, tt.tree), "validate/pattern", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = template.Resolve(context(t))
			if err == nil || !strings.Contains(err.Error(), tt.want) || jmespath.IsNotFound(err) != tt.missing {
				t.Errorf("error %v (missing key: %v), want %s", err, jmespath.IsNotFound(err), tt.want)
			}
		})
	}
}

func TestParseNamesThePlace(t *testing.T) {
	t.Parallel()
	scope := variable.NewScope("settings")
	for _, tt := range []struct{ name, tree, want string }{
		{"syntax", `{"spec": {"a": "{{ request..object }}"}}`, `at validate/message/spec/a: JMESPath expression "request..object", column 9`},
		{"an unknown function", `"{{ nope(request) }}"`, `there is no function "nope"`},
		{"an unknown name", `"{{ request.object.kind }} {{ pods.count }}"`, `{{ pods.count }}: "pods" is not known here; define it in the rule's context, or use one of images, request,`},
		{"an unknown name inside", `"{{ request.{{ pods }} }}"`, `"pods" is not known here`},
		{"an unknown name in a key", `{"{{ pods }}": 1}`, `"pods" is not known here`},
		{"element outside of foreach", `"{{ element.image }}"`, `{{ element.image }}: "element" is known within foreach only`},
		{"elementIndex outside of foreach", `"{{ elementIndex }}"`, "known within foreach only"},
		{"a reference to nothing", `{"a": "$(./../b)"}`, "points at /b, where there is nothing"},
		{"a reference beyond a leaf", `{"a": "$(./../b/c)", "b": "x"}`, "points at /b/c, where there is nothing"},
		{"a reference beyond a list", `{"a": "$(/b/7)", "b": ["x"]}`, "where there is nothing"},
		{"a reference without a path", `{"a": "$(<=)"}`, "has no path"},
		{"an operator on an object", `{"a": "$(<=./../b)", "b": {}}`, "cannot be compared"},
		{"an object within text", `{"a": "x $(./../b)", "b": {}}`, "cannot be part of a text"},
		{"too deep", `"` + strings.Repeat("{{", 40) + `"`, "levels deep"},
		{"everything that is wrong", `["{{ pods }}", "{{ a.. }}"]`, "at validate/message/1: JMESPath"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := variable.Parse(decoded(t, tt.tree), "validate/message", scope)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	scope := variable.NewScope()
	tree := decoded(t, `["{{ element.name }}", "{{ elementIndex0 }}", "{{ element1 }}"]`)
	if _, err := variable.Parse(tree, "foreach", scope.InForeach(2)); err != nil {
		t.Errorf("within two levels of foreach: %v", err)
	}
	if _, err := variable.Parse(tree, "foreach", scope.InForeach(1)); err == nil {
		t.Error("element1 must be unknown within one level of foreach")
	}
	if _, err := variable.Parse("{{ target.kind }}", "mutate", scope.With(variable.Target)); err != nil {
		t.Errorf("with a target: %v", err)
	}
	if _, err := variable.Parse("{{ target.kind }}", "mutate", scope); err == nil {
		t.Error("the target must be unknown without one")
	}
	if _, err := variable.Parse(`{{ request.oldObject == null || "" }}`, "validate", scope); err != nil {
		t.Errorf("null without backticks, and an empty name: %v", err)
	}
	if variable.Scope(nil).With("x").InForeach(1) != nil {
		t.Error("a nil scope allows any name, and so must what is made of it")
	}
}

func TestDeleteSeesTheOldObject(t *testing.T) {
	t.Parallel()
	deleted := request(t)
	deleted.Operation, deleted.OldObject, deleted.Object = admissionv1.Delete, deleted.Object, nil
	c := variable.ForRequest(deleted, jmespath.Env{}, nil)
	for _, expression := range []string{"request.object.metadata.name", "request.oldObject.metadata.name", "request.name"} {
		if got, err := c.Search(expression); err != nil || got != "shop" {
			t.Errorf("%s = %v, %v", expression, got, err)
		}
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	loads := 0
	base := variable.NewContext(jmespath.Env{}).With("a", 1.0)
	lazy := base.WithLazy("b", func(below *variable.Context) (any, error) {
		loads++
		return below.Search("add(a, `1`)")
	})
	changed := lazy.With("a", 5.0)
	failing := changed.WithLazy("c", func(*variable.Context) (any, error) { return nil, errors.New("the server is away") })

	for _, tt := range []struct {
		name       string
		context    *variable.Context
		expression string
		want       any
	}{
		{"the newest value counts", changed, "a", 5.0},
		{"the older context is as it was", lazy, "a", 1.0},
		{"a loader sees what was before it", changed, "b", 2.0},
		{"loaded once", failing, "b", 2.0},
		{"nothing is loaded that is not named", failing, "a", 5.0},
		{"a path", changed.WithPath("x.y.z", true), "x", map[string]any{"y": map[string]any{"z": true}}},
		{"a path over a value", changed.With("m", map[string]any{"k": 1.0, "l": 2.0}).WithPath("m.l", 3.0), "m", map[string]any{"k": 1.0, "l": 3.0}},
		{"a path with a quoted name", changed.WithPath(`x."y.z"`, true), "x", map[string]any{"y.z": true}},
		{"a path of one name", changed.WithPath("a", 6.0), "a", 6.0},
		{"an element", changed.WithElement("e", 4, 1), "[element, element1, elementIndex, elementIndex1]", []any{"e", "e", int64(4), int64(4)}},
		{"all names", changed, "keys(@)", []any{"a", "b"}},
	} {
		got, err := tt.context.Search(tt.expression)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", tt.name, err, diff)
		}
	}
	if loads != 1 {
		t.Errorf("loaded %d times", loads)
	}
	if _, err := failing.Search("c.d"); err == nil || !strings.Contains(err.Error(), `loading "c": the server is away`) {
		t.Errorf("error %v", err)
	}
}

func TestTargetIsTheSamePlace(t *testing.T) {
	t.Parallel()
	template, err := variable.Parse(decoded(t, `{"data": {"k": "<{{@}}>"}}`), "mutate", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Resolve(context(t).With(variable.Target, decoded(t, `{"data": {"k": "v"}}`)))
	if diff := cmp.Diff(decoded(t, `{"data": {"k": "<v>"}}`), got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
