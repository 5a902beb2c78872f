package request

import (
	"context"
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Params are the objects that a binding's paramRef chooses from.
type Params struct {
	kind       *admissionregistrationv1.ParamKind
	reference  *admissionregistrationv1.ParamRef
	selector   labels.Selector
	candidates []*unstructured.Unstructured
}

// NewParams keeps the objects of the policy's kind of parameter. Where there are
// none, Collect looks them up. It is nil for a policy or binding without parameters.
func NewParams(kind *admissionregistrationv1.ParamKind, reference *admissionregistrationv1.ParamRef, objects []map[string]any) (*Params, error) {
	if kind == nil || reference == nil {
		return nil, nil
	}
	made := &Params{kind: kind, reference: reference}
	if reference.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(reference.Selector)
		if err != nil {
			return nil, err
		}
		made.selector = selector
	}
	if (reference.Name == "") == (reference.Selector == nil) {
		return nil, errors.New("give either a name or a selector")
	}
	for _, object := range objects {
		candidate := &unstructured.Unstructured{Object: object}
		if candidate.GetAPIVersion() == kind.APIVersion && candidate.GetKind() == kind.Kind {
			made.candidates = append(made.candidates, candidate)
		}
	}
	return made, nil
}

// errNoParams is the API server's message.
var errNoParams = errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")

// Collect returns the parameters for a request: one evaluation each. A binding
// without parameters is evaluated once, without.
func (p *Params) Collect(ctx context.Context, r *policy.Request, lookup policy.Lookup) ([]runtime.Object, error) {
	if p == nil {
		return []runtime.Object{nil}, nil
	}
	candidates := p.candidates
	if len(candidates) == 0 && lookup != nil {
		var err error
		if candidates, err = p.lookUp(ctx, r, lookup); err != nil {
			return nil, err
		}
	}
	var found []runtime.Object
	for _, candidate := range candidates {
		ok, err := p.chooses(candidate, r)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, candidate)
		}
	}
	action := p.reference.ParameterNotFoundAction
	if len(found) == 0 && action != nil && *action == admissionregistrationv1.DenyAction {
		return nil, errNoParams
	}
	return found, nil
}

// lookUp reads what the reference may choose from: of its namespace, else of the
// request's, else of the cluster.
func (p *Params) lookUp(ctx context.Context, r *policy.Request, lookup policy.Lookup) ([]*unstructured.Unstructured, error) {
	resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(p.kind.APIVersion, p.kind.Kind))
	namespaces := []string{p.reference.Namespace}
	if p.reference.Namespace == "" && r.Namespace != "" {
		namespaces = []string{r.Namespace, ""}
	}
	for _, namespace := range namespaces {
		objects, err := p.read(ctx, lookup, resource, namespace)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("read the parameters: %w", err)
		}
		if len(objects) > 0 {
			return objects, nil
		}
	}
	return nil, nil
}

func (p *Params) read(ctx context.Context, lookup policy.Lookup, resource schema.GroupVersionResource, namespace string) ([]*unstructured.Unstructured, error) {
	if p.selector == nil {
		object, err := lookup.Get(ctx, resource, namespace, p.reference.Name)
		if err != nil {
			return nil, err
		}
		return []*unstructured.Unstructured{{Object: object}}, nil
	}
	listed, err := lookup.List(ctx, resource, namespace, nil)
	objects := make([]*unstructured.Unstructured, len(listed))
	for i, object := range listed {
		objects[i] = &unstructured.Unstructured{Object: object}
	}
	return objects, err
}

func (p *Params) chooses(candidate *unstructured.Unstructured, r *policy.Request) (bool, error) {
	if candidate.GetNamespace() != "" {
		namespace := p.reference.Namespace
		if namespace == "" {
			namespace = r.Namespace
		}
		if namespace == "" {
			return false, errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
		}
		if candidate.GetNamespace() != namespace {
			return false, nil
		}
	} else if p.reference.Namespace != "" {
		return false, errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
	}
	if p.selector != nil {
		return p.selector.Matches(labels.Set(candidate.GetLabels())), nil
	}
	return candidate.GetName() == p.reference.Name, nil
}
