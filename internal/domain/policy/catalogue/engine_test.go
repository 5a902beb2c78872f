package catalogue_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
)

// TestInTheEngine shows every example to the engine, which must say what the
// API server says, and what that cannot.
func TestInTheEngine(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		e := read(t, file)
		t.Run(e.namespace.GetName(), func(t *testing.T) {
			t.Parallel()
			evaluator := evaluatorOf(t, e.entry)
			for _, c := range e.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					if c.resources != nil {
						t.Skip("a Pod's requests are filled in by Kubernetes before the policy sees it")
					}
					request := requestFor(c.object, e.namespace)
					if err := c.check(verdict(evaluator, request, e.world)); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

func evaluatorOf(t *testing.T, entry catalogue.Entry) policy.Evaluator {
	t.Helper()
	var evaluator policy.Evaluator
	var err error
	switch p := entry.Object.(type) {
	case *policiesv1.ValidatingPolicy:
		evaluator, err = engine.CompileValidating(p, engine.Options{})
	case *policiesv1.MutatingPolicy:
		evaluator, err = engine.CompileMutating(p, engine.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return evaluator
}

// requestFor is the request that creates an object in a namespace.
func requestFor(object, namespace *unstructured.Unstructured) *policy.Request {
	kind := object.GroupVersionKind()
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	place := namespace.Object
	if object.GetNamespace() == "" {
		place = nil
	}
	return policy.Existing(object.Object, policy.Served{
		Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Resource: plural.Resource, Namespaced: object.GetNamespace() != "",
	}, place)
}

// verdict is what the policy says against a request; empty if nothing.
func verdict(evaluator policy.Evaluator, r *policy.Request, there []*unstructured.Unstructured) string {
	var said []string
	for _, result := range evaluator.Validate(context.Background(), r, policy.World{Lookup: world(there), Now: time.Now()}) {
		if result.Status != policy.Pass {
			said = append(said, result.Message)
		}
	}
	return strings.Join(said, "\n")
}

// world is what policies may look up in a test.
type world []*unstructured.Unstructured

var _ policy.Lookup = world(nil)

func (w world) Get(_ context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	for _, object := range w {
		plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		if plural == resource && object.GetNamespace() == namespace && object.GetName() == name {
			return object.Object, nil
		}
	}
	return nil, apierrors.NewNotFound(resource.GroupResource(), name)
}

func (w world) List(_ context.Context, resource schema.GroupVersionResource, namespace string, labels map[string]string) ([]map[string]any, error) {
	var found []map[string]any
	for _, object := range w {
		plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		has := maps.Clone(object.GetLabels())
		maps.DeleteFunc(has, func(key, value string) bool { return labels[key] != value })
		if plural == resource && (namespace == "" || object.GetNamespace() == namespace) && len(has) == len(labels) {
			found = append(found, object.Object)
		}
	}
	return found, nil
}

func (world) Call(context.Context, string, string, any) (any, error) {
	return nil, errors.New("no example calls the API server")
}

func (world) Global(context.Context, string) (any, error) {
	return nil, errors.New("no example has a global context")
}
