package engine_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/enginetest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
)

// mutation is a policy that changes objects and that the API server can evaluate
// by itself: of the corpus, of the catalogue, or written for a legacy rule.
type mutation struct {
	name    string
	policy  *policiesv1.MutatingPolicy
	home    string
	example func(seed int) map[string]any
}

// mutations are all of them. Which namespaces they select is left out: each has
// one of its own, whose name begins with the prefix.
func mutations(t *testing.T, prefix string) []mutation {
	t.Helper()
	var found []mutation
	for c, p := range policiesOf[*policiesv1.MutatingPolicy](t) {
		found = append(found, mutation{name: c.Name + "/" + p.Name, policy: p, example: examplesLike(slices.Concat(c.Resources, c.Mutated))})
	}
	for _, entry := range catalogue.All() {
		if p, ok := entry.Object.(*policiesv1.MutatingPolicy); ok {
			pod := enginetest.Pods("x").Example(1)
			found = append(found, mutation{name: p.Name, policy: p.DeepCopy(), example: examplesLike([]map[string]any{pod})})
		}
	}
	kept := found[:0]
	for _, one := range found {
		if _, reason, err := native.Mutating(one.policy, native.Options{}); err != nil || reason != "" {
			continue
		}
		one.home = prefix + strconv.Itoa(len(kept))
		one.policy.Name = one.home
		one.policy.Spec.MatchConstraints.NamespaceSelector = nil
		kept = append(kept, one)
	}
	return kept
}

// examplesLike alternates between objects that resemble some and objects of the
// first one's kind that are made up altogether, where there are such.
func examplesLike(objects []map[string]any) func(seed int) map[string]any {
	variants := enginetest.VariantsOf(objects)
	generators := map[any]func(...int) map[string]any{
		"Pod": enginetest.Pods("x").Example, "Deployment": enginetest.Deployments("x").Example, "ConfigMap": enginetest.ConfigMaps("x").Example,
	}
	generator := generators[objects[0]["kind"]]
	return func(seed int) map[string]any {
		if generator != nil && seed%2 == 1 {
			return generator(seed)
		}
		if generator != nil {
			seed /= 2
		}
		return variants.Example(seed)
	}
}

// request creates the object of a seed, or makes it what another one was.
func (m mutation) request(seed int) *policy.Request {
	object := unstructured.Unstructured{Object: m.example(seed)}
	object.SetNamespace(m.home)
	kind := object.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	request := &policy.Request{
		Operation: admissionv1.Create, Kind: kind, Resource: resource, Namespace: m.home, Name: object.GetName(), Object: object.Object,
		User: authenticationv1.UserInfo{Username: "ann", Groups: []string{"developers"}},
		NamespaceObject: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
			"name": m.home, "labels": map[string]any{corev1.LabelMetadataName: m.home},
		}},
	}
	if seed%4 == 0 {
		request.Operation, request.OldObject = admissionv1.Update, runtime.DeepCopyJSON(object.Object)
	}
	return request
}

// natives are the native objects, for the policy's namespace alone.
func (m mutation) natives(t *testing.T) []client.Object {
	t.Helper()
	objects, reason, err := native.Mutating(m.policy, native.Options{})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	for _, object := range objects {
		enginetest.Reach(m.home, object)
	}
	return objects
}

// mutated is how many objects both change for each policy: with ROADBED_SLOW as
// many as are judged for a policy that validates.
func mutated() int {
	if os.Getenv("ROADBED_SLOW") == "" {
		return 100
	}
	return generated()
}

// TestPluginAgrees compares what the engine makes of objects with what the API
// server's own plugin makes of them by the native form of the policy.
func TestPluginAgrees(t *testing.T) {
	t.Parallel()
	all := mutations(t, "plugin-")
	if len(all) < 15 {
		t.Errorf("only %d policies that change objects are native", len(all))
	}
	var objects []runtime.Object
	for _, one := range all {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: one.home, Labels: map[string]string{corev1.LabelMetadataName: one.home}}})
		for _, object := range one.natives(t) {
			objects = append(objects, object)
		}
	}
	plugin, err := enginetest.NewPlugin(t.Context(), objects...)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) { one.comparePlugin(t, plugin) })
	}
}

// comparePlugin shows objects to both, leaving out those that are none of their
// kind.
func (m mutation) comparePlugin(t *testing.T, plugin *enginetest.Plugin) {
	t.Helper()
	evaluator, err := engine.CompileMutating(m.policy, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shown, changed, refused := 0, 0, 0
	for seed := 0; shown < mutated() && seed < 10*mutated(); seed++ {
		request := m.request(seed)
		outcome, err := plugin.Compare(t.Context(), evaluator, request)
		if errors.Is(err, enginetest.ErrOther) {
			continue
		}
		if errors.Is(err, enginetest.ErrNoSchema) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if outcome.Difference != "" {
			t.Fatalf("%s\nof %s %v", outcome.Difference, request.Operation, request.Object)
		}
		shown++
		if outcome.Changed {
			changed++
		}
		if outcome.Refusal != "" {
			refused++
		}
	}
	if shown < mutated() || changed+refused == 0 {
		t.Errorf("%d objects were shown, of which %d changed and %d were refused", shown, changed, refused)
	}
}
