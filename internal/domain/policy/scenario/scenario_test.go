package scenario_test

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

const objects = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
---
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {stage: prod}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader, namespace: lost}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: mice.zoo.example}
spec:
  group: zoo.example
  scope: Namespaced
  names: {kind: Mouse, plural: mice}
---
apiVersion: zoo.example/v1
kind: Mouse
metadata: {name: jerry}
---
apiVersion: zoo.example/v1
kind: Cage
metadata: {name: one}
---
apiVersion: autoscaling/v1
kind: Scale
metadata: {name: web, namespace: prod}
`

func parse(t *testing.T, text string) []scenario.Object {
	t.Helper()
	read, mistakes := scenario.ParseObjects("f", []byte(text))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return read
}

func values(t *testing.T, text string) scenario.ValuesSpec {
	t.Helper()
	read, mistakes := scenario.ParseValues("v", []byte(text))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return read
}

// stage is a scenario with all the objects, and the objects by name.
func stage(t *testing.T, valuesText string) (*scenario.Scenario, map[string]scenario.Object) {
	t.Helper()
	read := parse(t, objects)
	s := &scenario.Scenario{Kinds: scenario.NewKinds(scenario.FieldsOf(read)), Around: scenario.FieldsOf(read)}
	if valuesText != "" {
		s.Values = values(t, valuesText)
	}
	byName := map[string]scenario.Object{}
	for _, object := range read {
		s.Kinds.Complete(object)
		byName[object.GVK().Kind+"/"+object.Name()] = object
	}
	return s, byName
}

func TestRequestIsAsTheServerWouldMakeIt(t *testing.T) {
	t.Parallel()
	s, byName := stage(t, "subresources:\n- subresource: {name: deployments/scale, kind: Scale, group: autoscaling, version: v1}\n  parentResource: {name: deployments, kind: Deployment, group: apps, version: v1}\n")
	for _, test := range []struct {
		object, resource, subresource, namespace, reason string
		labels                                           int
	}{
		{"Pod/web", "pods", "", "default", "a kind of a namespace gets the default one", 1},
		{"Namespace/prod", "namespaces", "", "prod", "a Namespace is in itself", 0},
		{"ClusterRole/reader", "clusterroles", "", "", "a kind of the cluster loses its namespace", 0},
		{"Mouse/jerry", "mice", "", "default", "a CRD tells plural and scope", 1},
		{"Cage/one", "cages", "", "", "nobody knows the kind", 0},
		{"Scale/web", "deployments", "scale", "prod", "the values tell a subresource; the namespace is among the objects", 2},
	} {
		r, err := s.Request(byName[test.object])
		if err != nil {
			t.Fatal(err)
		}
		if r.Resource.Resource != test.resource || r.SubResource != test.subresource || r.Namespace != test.namespace || len(r.NamespaceLabels()) != test.labels {
			t.Errorf("%s: %s/%s in %q with %d labels of its namespace", test.reason, r.Resource.Resource, r.SubResource, r.Namespace, len(r.NamespaceLabels()))
		}
	}
}

func TestValuesChangeTheRequest(t *testing.T) {
	t.Parallel()
	s, byName := stage(t, `
globalValues:
  request: {dryRun: true, userInfo: {username: ann, groups: [devs]}}
policies:
- name: p
  resources:
  - name: web
    values: {request.operation: UPDATE, request.oldObject.spec.replicas: 3, request.subResource: status}
`)
	r, err := s.Request(byName["Pod/web"])
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := r.OldObject["spec"].(map[string]any)
	if r.Operation != "UPDATE" || spec["replicas"] != int64(3) || r.User.Username != "ann" || len(r.User.Groups) != 1 || !r.DryRun || r.SubResource != "status" {
		t.Errorf("%+v", r)
	}
	if _, changed := r.Object["spec"]; changed {
		t.Error("the old object shares its fields with the new one")
	}
	s.Operation = "DELETE"
	if r, err = s.Request(byName["Pod/web"]); err != nil || r.Object != nil || r.OldObject == nil {
		t.Errorf("a deletion has %v and before %v, %v", r.Object, r.OldObject, err)
	}
	s.Operation = "PATCH"
	if _, err = s.Request(byName["Pod/web"]); err == nil || !strings.Contains(err.Error(), "none of CREATE, UPDATE, DELETE, CONNECT") {
		t.Errorf("an unknown operation gives %v", err)
	}
	s.Operation = ""
	s.Values = values(t, "globalValues: {request.userInfo.groups: devs}")
	if _, err = s.Request(byName["Pod/web"]); err == nil || !strings.Contains(err.Error(), "does not fit a user") {
		t.Errorf("groups that are no list give %v", err)
	}
}

func TestValuesForARule(t *testing.T) {
	t.Parallel()
	v := values(t, `
globalValues: {a: global, b: global}
policies:
- name: p
  rules:
  - name: r
    values: {a: rule, c: rule}
  resources:
  - name: web
    values: {c: object}
`)
	for _, rule := range []string{"r", "autogen-r", "autogen-cronjob-r"} {
		got := v.For("p", rule, "web")
		if got["a"] != "rule" || got["b"] != "global" || got["c"] != "object" {
			t.Errorf("rule %s has %v", rule, got)
		}
	}
	if got := v.For("team/p", "other", "db"); got["a"] != "global" || got["c"] != nil {
		t.Errorf("another rule and object have %v", got)
	}
	v.Set(map[string]string{"b": "flag"})
	if got := v.For("q", "r", "web"); got["b"] != "flag" {
		t.Errorf("a flag does not win: %v", got)
	}
}

func TestLookupAmongObjects(t *testing.T) {
	t.Parallel()
	s, _ := stage(t, "")
	l := scenario.NewLookup(s.Kinds, s.Around, []scenario.GlobalEntry{{Name: "tiers", Value: []any{"gold"}}})
	ctx := t.Context()
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	if found, err := l.Get(ctx, pods, "default", "web"); err != nil || found["kind"] != "Pod" {
		t.Errorf("got %v, %v", found, err)
	}
	if _, err := l.Get(ctx, pods, "prod", "web"); !apierrors.IsNotFound(err) {
		t.Errorf("a missing object gives %v", err)
	}
	if found, err := l.List(ctx, pods, "", map[string]string{"app": "web"}); err != nil || len(found) != 1 {
		t.Errorf("listed %v, %v", found, err)
	}
	if found, err := l.List(ctx, pods, "", map[string]string{"app": "db"}); err != nil || found == nil || len(found) != 0 {
		t.Errorf("listed %v, %v", found, err)
	}
	if value, err := l.Global(ctx, "tiers"); err != nil || len(value.([]any)) != 1 {
		t.Errorf("the global context has %v, %v", value, err)
	}
	for path, want := range map[string]string{
		"/api/v1/namespaces/default/pods/web":             "Pod",
		"/api/v1/pods?labelSelector=app%3Dweb":            "PodList",
		"/apis/zoo.example/v1/namespaces/default/mice":    "MouseList",
		"/api/v1/namespaces/prod":                         "Namespace",
		"/apis/zoo.example/v1/namespaces/default/cages":   "List",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles": "ClusterRoleList",
	} {
		answer, err := l.Call(ctx, "GET", path, nil)
		if object, _ := answer.(map[string]any); err != nil || object["kind"] != want {
			t.Errorf("%s gives %v, %v", path, answer, err)
		}
	}
	for _, bad := range []string{"/healthz", "%", "/api/v1/namespaces/default/pods/web/log", "/api/v1/pods?labelSelector=app+in+(a,b)"} {
		if answer, err := l.Call(ctx, "GET", bad, nil); err == nil {
			t.Errorf("%s gives %v", bad, answer)
		}
	}
	if _, err := l.Call(ctx, "POST", "/api/v1/pods", nil); err == nil {
		t.Error("a POST is answered")
	}
}

// found is a policy that says which pods and namespaces it finds.
type found struct{ policy.Evaluator }

func (found) Info() policy.Info { return policy.Info{Name: "found"} }

func (found) Validate(ctx context.Context, _ *policy.Request, w policy.World) []policy.Result {
	var names []string
	for _, resource := range []string{"pods", "namespaces"} {
		listed, err := w.Lookup.List(ctx, schema.GroupVersionResource{Version: "v1", Resource: resource}, "", nil)
		if err != nil {
			names = append(names, err.Error())
		}
		for _, object := range listed {
			names = append(names, scenario.Of(object).Name())
		}
	}
	return []policy.Result{{Message: strings.Join(names, " ")}}
}

// TestNothingFindsItself: what is created is not there yet, as for the API
// server, so that a name that must be the only one of its kind may be taken.
func TestNothingFindsItself(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ object, values, want string }{
		{"Pod/web", "", "prod"},
		{"Namespace/prod", "", "web"},
		{"Mouse/jerry", "", "web prod"},
		{"Pod/web", "globalValues: {request.operation: UPDATE}", "web prod"},
	} {
		s, byName := stage(t, test.values)
		lookup := scenario.NewLookup(s.Kinds, s.Around, nil)
		verdicts, _, err := s.Judge(t.Context(), byName[test.object], []policy.Evaluator{found{}}, policy.World{Lookup: lookup}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts[0].Results[0].Message; got != test.want {
			t.Errorf("%s with %q: there are %q, want %q", test.object, test.values, got, test.want)
		}
	}
}

func TestSummaryIsTheWorst(t *testing.T) {
	t.Parallel()
	results := []policy.Result{{Status: policy.Skip}, {Status: policy.Fail, Message: "no"}, {Status: policy.Pass}}
	if worst, ok := scenario.Summary(results); !ok || worst.Message != "no" {
		t.Errorf("the worst is %v, %t", worst, ok)
	}
	if _, ok := scenario.Summary(nil); ok {
		t.Error("nothing has a summary")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(objects), []byte("globalValues: {request.operation: UPDATE, request.oldObject.a.b: 1, request: {userInfo: {groups: [a]}}}"))
	f.Add([]byte("apiVersion: v1\nkind: Pod\nmetadata: []\n"), []byte("kind: Values\npolicies: [{name: p, resources: [{name: x, values: {request.userInfo: 1}}]}]"))
	f.Fuzz(func(_ *testing.T, text, valuesText []byte) {
		read, _ := scenario.ParseObjects("f", text)
		given, _ := scenario.ParseValues("v", valuesText)
		_, _ = scenario.ParseUserInfo("u", valuesText)
		_, _ = scenario.ParseContext("c", valuesText)
		s := &scenario.Scenario{Kinds: scenario.NewKinds(scenario.FieldsOf(read)), Values: given}
		for _, object := range read {
			s.Kinds.Complete(object)
			_, _ = s.Request(object)
		}
	})
}
