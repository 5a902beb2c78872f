package webhook

import (
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// requestOf puts an admission request into governance's terms. The namespace
// and the user's roles are the caller's to add.
func requestOf(in *admissionv1.AdmissionRequest) (*policy.Request, error) {
	r := &policy.Request{
		Operation:   in.Operation,
		Kind:        schema.GroupVersionKind{Group: in.Kind.Group, Version: in.Kind.Version, Kind: in.Kind.Kind},
		Resource:    schema.GroupVersionResource{Group: in.Resource.Group, Version: in.Resource.Version, Resource: in.Resource.Resource},
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
		if err := json.Unmarshal(part.from.Raw, part.to); err != nil {
			return nil, fmt.Errorf("read the %s of the admission request: %w", part.what, err)
		}
	}
	return r, nil
}
