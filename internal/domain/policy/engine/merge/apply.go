package merge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// applier applies configurations as Kyverno does.
type applier struct {
	expression plugincel.MutatingEvaluator
	replaces   bool
}

var _ patch.Patcher = applier{}

// NewApplier returns a patcher for the apply configuration that an expression
// gives. Unlike the API server's own, it takes elements of the object's lists beside
// those that are written as Object{}, and, if it replaces, atomic lists and maps,
// which it replaces as a whole.
func NewApplier(expression plugincel.MutatingEvaluator, replaces bool) patch.Patcher {
	return applier{expression, replaces}
}

// Patch evaluates the expression and merges what it gives into the object.
func (p applier) Patch(ctx context.Context, r patch.Request, budget int64) (runtime.Object, error) {
	if faults := p.expression.CompilationErrors(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	asked := plugincel.CreateAdmissionRequest(r.VersionedAttributes.Attributes,
		metav1.GroupVersionResource(r.MatchedResource), metav1.GroupVersionKind(r.VersionedAttributes.VersionedKind))
	found, _, err := p.expression.ForInput(ctx, r.VersionedAttributes, asked, r.OptionalVariables, r.Namespace, budget)
	if err = errors.Join(err, found.Error); err != nil {
		return nil, err
	}
	given, ok := found.EvalResult.(*dynamic.ObjectVal)
	if !ok {
		return nil, fmt.Errorf("the expression gives a %v, not an Object", found.EvalResult.Type())
	}
	if err := given.CheckTypeNamesMatchFieldPathNames(); err != nil {
		return nil, fmt.Errorf("type mismatch: %w", err)
	}
	fields, err := fieldsOf(given)
	if err != nil {
		return nil, err
	}
	configuration := &unstructured.Unstructured{Object: fields}
	configuration.SetGroupVersionKind(r.VersionedAttributes.VersionedKind)
	if p.replaces {
		return replace(r, configuration)
	}
	changed, err := patch.ApplyStructuredMergeDiff(r.TypeConverter, r.VersionedAttributes.VersionedObject.Object(), configuration)
	if err != nil {
		return nil, fmt.Errorf("error applying patch: %w", err)
	}
	return changed, nil
}

// fieldsOf are the fields of an apply configuration, as JSON has them.
func fieldsOf(given *dynamic.ObjectVal) (map[string]any, error) {
	value, ok := given.Value().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the expression gives a %T, not an Object", given.Value())
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("the expression gives what has no JSON form: %w", err)
	}
	var fields map[string]any
	return fields, utiljson.Unmarshal(text, &fields)
}

// replace merges a configuration into the request's object.
func replace(r patch.Request, configuration *unstructured.Unstructured) (runtime.Object, error) {
	wanted, err := r.TypeConverter.ObjectToTyped(configuration)
	if err != nil {
		return nil, fmt.Errorf("read the apply configuration: %w", err)
	}
	live, err := r.TypeConverter.ObjectToTyped(r.VersionedAttributes.VersionedObject.Object(), typed.AllowDuplicates)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	merged, err := live.Merge(wanted)
	if err != nil {
		return nil, fmt.Errorf("merge the apply configuration: %w", err)
	}
	return r.TypeConverter.TypedToObject(merged)
}
