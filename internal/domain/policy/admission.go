package policy

import (
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// FromAdmission puts an admission request into governance's terms. The namespace
// and the user's roles are the caller's to add. Whole numbers are int64, as they
// are wherever Kubernetes decodes objects.
func FromAdmission(in *admissionv1.AdmissionRequest) (*Request, error) {
	r := &Request{
		Operation:   in.Operation,
		Kind:        schema.GroupVersionKind(in.Kind),
		Resource:    schema.GroupVersionResource(in.Resource),
		SubResource: in.SubResource,
		Namespace:   in.Namespace,
		Name:        in.Name,
		User:        in.UserInfo,
		DryRun:      in.DryRun != nil && *in.DryRun,
	}
	for _, part := range []struct {
		what string
		from runtime.RawExtension
		to   *map[string]any
	}{{"object", in.Object, &r.Object}, {"old object", in.OldObject, &r.OldObject}, {"options", in.Options, &r.Options}} {
		if len(part.from.Raw) == 0 {
			continue
		}
		if err := utiljson.Unmarshal(part.from.Raw, part.to); err != nil {
			return nil, fmt.Errorf("read the %s of the admission request: %w", part.what, err)
		}
	}
	return r, nil
}
