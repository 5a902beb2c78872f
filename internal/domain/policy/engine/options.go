package engine

import (
	"context"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// Options are what compiling a policy may need besides the policy. The zero
// value is useful.
type Options struct {
	// Params are the objects that bindings of native policies may name.
	Params []map[string]any
	// Unbound evaluates a native policy that has no binding as if one denied
	// with it everywhere. The API server ignores such a policy.
	Unbound bool
	// TypeConverter merges apply configurations into custom resources. Without
	// it their lists count as atomic, which apply configurations may not set.
	TypeConverter func(schema.GroupVersionKind) managedfields.TypeConverter
	// Allowed is what exceptions allow for a request, as expressions see it:
	// exceptions.allowedImages and exceptions.allowedValues.
	Allowed library.Allowed
}

// session is what expressions see of the world in one evaluation.
func (o Options) session(ctx context.Context, r *policy.Request, w policy.World, namespace string) *library.Session {
	return &library.Session{
		Context: ctx, World: w, Namespace: namespace, Subject: r.Namespace + "/" + r.Name,
		Request: r, Allowed: o.Allowed,
	}
}

// infoOf reads what metadata says of a policy.
func infoOf(kind, namespace, name string, labels, annotations map[string]string, action policy.Action) (policy.Info, error) {
	tier, err := policy.TierOf(labels, annotations, action)
	if namespace != "" {
		name = namespace + "/" + name
	}
	return policy.Info{
		Name: name, Kind: kind, Tier: tier, Lane: policy.Native, Background: true, Admission: true,
		Severity: annotations[policy.SeverityAnnotation], Category: annotations[policy.CategoryAnnotation],
		Title: annotations[policy.TitleAnnotation], Description: annotations[policy.DescriptionAnnotation],
	}, err
}

// actionOf is what validation actions ask for; none given means deny.
func actionOf(actions []admissionregistrationv1.ValidationAction) policy.Action {
	if len(actions) == 0 || slices.Contains(actions, admissionregistrationv1.Deny) {
		return policy.Enforce
	}
	return policy.Audit
}

// template is the result of a policy before it is known.
func template(info policy.Info) policy.Result {
	return policy.Result{
		Policy: info.Name, Kind: info.Kind, Tier: info.Tier, Lane: info.Lane,
		Severity: info.Severity, Category: info.Category,
	}
}
