package policy

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Existing is the request that would create an object as it is, by nobody in
// particular: how scans and forecasts judge what exists already.
func Existing(object map[string]any, resource Served, namespace map[string]any) *Request {
	about := unstructured.Unstructured{Object: object}
	r := &Request{
		Operation:       admissionv1.Create,
		Kind:            about.GroupVersionKind(),
		Resource:        schema.GroupVersionResource{Group: resource.Group, Version: resource.Version, Resource: resource.Resource},
		Namespace:       about.GetNamespace(),
		Name:            about.GetName(),
		Object:          object,
		NamespaceObject: namespace,
	}
	if r.Kind == (schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}) {
		r.Namespace = r.Name
	}
	return r
}

// Tenant is the tenant that the object's namespace belongs to, or "".
func (r *Request) Tenant() string { return r.NamespaceLabels()[tenancyv1alpha1.LabelTenant] }

// Background lets the policies that scans evaluate judge a request.
func (s *Set) Background(ctx context.Context, r *Request, w World) []Result {
	var results []Result
	r = r.Remembering()
	w.Narrow = s.narrow
	for _, evaluator := range s.evaluators {
		if !evaluator.Info().Background {
			continue
		}
		for _, result := range judge(ctx, evaluator, r, w) {
			results = append(results, s.waive(evaluator, result, r, w))
		}
	}
	return results
}
