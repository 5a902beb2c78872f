package applied_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/applied"
)

var (
	pod        = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	deployment = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
)

// TestAtomic: what is found is what the API server's own code refuses.
func TestAtomic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason string
		kind         schema.GroupVersionKind
		expression   string
		want         []string
	}{
		{"list of names", "elements have keys", pod, "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', image: 'b'}]}}", nil},
		{"labels", "a map is merged by its keys", pod, "Object{metadata: Object.metadata{labels: Object.metadata.labels{a: 'b'}}}", nil},
		{"finalizers", "a list of texts that is a set", pod, "Object{metadata: Object.metadata{finalizers: ['a/b']}}", nil},
		{"tolerations", "a list without keys", pod, "Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: 'a'}]}}", []string{"spec.tolerations"}},
		{"map", "written as an object", pod, "Object{spec: Object.spec{nodeSelector: Object.spec.nodeSelector{a: 'b'}}}", []string{"spec.nodeSelector"}},
		{"literal", "or as a map", pod, "Object{spec: Object.spec{nodeSelector: {'a': 'b'}}}", []string{"spec.nodeSelector"}},
		{"in elements", "of a list", pod, "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, args: ['a']})}}", []string{"spec.containers.args"}},
		{"outermost", "is told, not what is in it", deployment, "Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a': 'b'}}}}", []string{"spec.selector"}},
		{"template", "of another kind", deployment, "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{tolerations: [Object.spec.template.spec.tolerations{key: 'a'}]}}}}", []string{"spec.template.spec.tolerations"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := applied.Parse(test.expression, nil).Atomic(test.kind)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", test.reason, diff)
			}
			message := apply(t, test.kind, test.expression)
			if refused := strings.Contains(message, "may not mutate atomic"); refused != (len(test.want) > 0) {
				t.Errorf("%s: applying says %q", test.reason, message)
			}
		})
	}
}

// apply is what the API server's code says to a configuration for an object.
func apply(t *testing.T, kind schema.GroupVersionKind, expression string) string {
	t.Helper()
	resource := map[string]string{"Pod": "pods", "Deployment": "deployments"}[kind.Kind]
	everything := &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{"*"},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*"}},
	}}}}
	compiled, err := engine.CompileMAP(&admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{MatchConstraints: everything, Mutations: []admissionregistrationv1.Mutation{{
			PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
			ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: expression},
		}}},
	}, nil, engine.Options{Unbound: true})
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{
		"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind, "metadata": map[string]any{"name": "a", "namespace": "b"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "a", "args": []any{"x"}}, map[string]any{"name": "b"}}},
	}
	if kind == deployment {
		object["spec"] = map[string]any{}
	}
	request := policy.Existing(object, policy.Served{Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Resource: resource, Namespaced: true}, nil)
	request.Operation = admissionv1.Create
	_, results := compiled.Mutate(t.Context(), request, policy.World{Now: time.Unix(0, 0)}, nil)
	if len(results) != 1 {
		t.Fatalf("results are %v", results)
	}
	return fmt.Sprint(results[0].Status, " ", results[0].Message)
}

// TestKept: elements that a configuration leaves out stay in the object.
func TestKept(t *testing.T) {
	t.Parallel()
	variables := []admissionregistrationv1.Variable{
		{Name: "kept", Expression: "object.spec.containers.filter(c, c.name != 'b')"},
		{Name: "round", Expression: "true ? variables.round : variables.round"},
		{Name: "broken", Expression: "object."},
	}
	of := func(value string) string { return "Object{spec: Object.spec{containers: " + value + "}}" }
	for _, test := range []struct {
		name, reason, expression string
		want                     string
	}{
		{"filtered", "the list itself", of("object.spec.containers.filter(c, c.name != 'b')"), "spec.containers"},
		{"perhaps absent", "with a default", of("object.spec.?containers.orValue([]).filter(c, c.name != 'b')"), "spec.containers"},
		{"and more", "beside what is added", of("object.spec.containers.filter(c, c.name != 'b') + [Object.spec.containers{name: 'c'}]"), "spec.containers"},
		{"chosen", "in one of the branches", of("has(object.spec.x) ? object.spec.containers.filter(c, c.name != 'b') : []"), "spec.containers"},
		{"variable", "a variable is what it says", of("variables.kept"), "spec.containers"},
		{"set", "of texts", "Object{metadata: Object.metadata{finalizers: object.metadata.finalizers.filter(f, f != 'a/b')}}", "metadata.finalizers"},
		{"written anew", "some elements are changed, the others are not meant to go", of("object.spec.containers.filter(c, c.name != 'b').map(c, Object.spec.containers{name: c.name, tty: true})"), ""},
		{"another list", "its elements are added", of("object.spec.initContainers.filter(c, c.name != 'b')"), ""},
		{"atomic", "is refused, which is told elsewhere", "Object{spec: Object.spec{tolerations: object.spec.tolerations.filter(t, t.key != 'b')}}", ""},
		{"in a circle", "which does not compile", of("variables.round"), ""},
		{"broken", "which does not compile either", of("variables.broken"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, list := range applied.Parse(test.expression, variables).Kept(pod) {
				got = append(got, list.Field)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %v, want %q", test.reason, got, test.want)
			}
		})
	}
	if message := apply(t, pod, of("object.spec.containers.filter(c, c.name != 'b')")); !strings.Contains(message, "may not mutate atomic") {
		t.Errorf("an element with args is applied: %s", message)
	}
}

// TestUnknown: nothing is found where nothing is known.
func TestUnknown(t *testing.T) {
	t.Parallel()
	if applied.Parse("Object{", nil) != nil {
		t.Error("what is no CEL is a configuration")
	}
	own := schema.GroupVersionKind{Group: "corp.example", Version: "v1", Kind: "Thing"}
	configuration := applied.Parse("Object{spec: Object.spec{list: object.spec.list.filter(e, true)}}", nil)
	if len(configuration.Atomic(own))+len(configuration.Kept(own)) > 0 || len(configuration.Atomic(pod))+len(configuration.Kept(pod)) > 0 {
		t.Error("fields that nobody knows are found")
	}
}
