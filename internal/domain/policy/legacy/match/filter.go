package match

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// filter is one compiled ResourceFilter.
type filter struct {
	user        kyvernov1.UserInfo
	resources   kyvernov1.ResourceDescription
	kinds       []KindSelector
	labels      Labels
	namespaces  Labels
	byNamespace bool
	broad       bool
}

// subject is the object a filter looks at.
type subject struct {
	request *policy.Request
	object  *unstructured.Unstructured
}

func compileFilter(source kyvernov1.ResourceFilter, broad bool, path string) (*filter, error) {
	f := &filter{user: source.UserInfo, resources: source.Resources, broad: broad, byNamespace: source.Resources.NamespaceSelector != nil}
	for i, text := range source.Resources.Kinds {
		kind, err := ParseKind(text)
		if err != nil {
			return nil, fmt.Errorf("%s.resources.kinds[%d]: %w", path, i, err)
		}
		f.kinds = append(f.kinds, kind)
	}
	var err error
	if f.labels, err = CompileLabels(source.Resources.Selector); err != nil {
		return nil, fmt.Errorf("%s.resources.selector: %w", path, err)
	}
	if f.namespaces, err = CompileLabels(source.Resources.NamespaceSelector); err != nil {
		return nil, fmt.Errorf("%s.resources.namespaceSelector: %w", path, err)
	}
	for i, subject := range source.Subjects {
		switch subject.Kind {
		case rbacv1.UserKind, rbacv1.GroupKind, rbacv1.ServiceAccountKind:
		default:
			return nil, fmt.Errorf("%s.subjects[%d].kind: %q is no kind of subject; use User, Group or ServiceAccount", path, i, subject.Kind)
		}
	}
	return f, nil
}

// empty tells whether the filter wants nothing: such a filter selects nothing.
func (f *filter) empty(withUser bool) bool {
	r := f.resources
	return len(r.Kinds) == 0 && r.Name == "" && len(r.Names) == 0 && len(r.Namespaces) == 0 && len(r.Annotations) == 0 &&
		r.Selector == nil && r.NamespaceSelector == nil && len(r.Operations) == 0 && (!withUser || !wantsUser(f.user))
}

// refuses returns why the filter does not select the subject, or "".
func (f *filter) refuses(s subject, withUser bool) string {
	if f.empty(withUser) {
		return "an empty block selects nothing"
	}
	for _, check := range []func(subject) string{f.refusesKind, f.refusesName, f.refusesMetadata, f.refusesNamespace} {
		if reason := check(s); reason != "" {
			return reason
		}
	}
	if !withUser {
		return ""
	}
	return selectsUser(f.user, s.request)
}

func (f *filter) refusesKind(s subject) string {
	r := s.request
	if len(f.resources.Operations) > 0 && !slices.Contains(f.resources.Operations, admissionregistrationv1.OperationType(r.Operation)) {
		return fmt.Sprintf("the operation is %s", r.Operation)
	}
	selects := func(kind KindSelector) bool { return kind.selects(r, f.broad) }
	if len(f.kinds) > 0 && !slices.ContainsFunc(f.kinds, selects) {
		return fmt.Sprintf("the kind is %s", kindName(r))
	}
	return ""
}

func kindName(r *policy.Request) string {
	name := r.Kind.Kind
	if r.SubResource != "" {
		name += "/" + r.SubResource
	}
	return name
}

func (f *filter) refusesName(s subject) string {
	name := s.object.GetName()
	if name == "" {
		name = s.object.GetGenerateName()
	}
	if name == "" {
		name = s.request.Name
	}
	if f.resources.Name != "" && !pattern.Match(f.resources.Name, name) || len(f.resources.Names) > 0 && !pattern.MatchAny(f.resources.Names, name) {
		return fmt.Sprintf("the name is %q", name)
	}
	return ""
}

func (f *filter) refusesMetadata(s subject) string {
	if len(f.resources.Annotations) > 0 && !fitsAll(f.resources.Annotations, s.object.GetAnnotations()) {
		return "the annotations do not fit"
	}
	if !f.labels.Selects(s.object.GetLabels()) {
		return "the labels do not fit the selector"
	}
	return ""
}

func (f *filter) refusesNamespace(s subject) string {
	namespace := s.namespace()
	if len(f.resources.Namespaces) > 0 && !pattern.MatchAny(f.resources.Namespaces, namespace) {
		return fmt.Sprintf("the namespace is %q", namespace)
	}
	switch {
	case !f.byNamespace:
	case s.request.Kind.Kind == "Namespace":
		return "a Namespace is in no namespace whose labels could fit the selector"
	case !f.namespaces.Selects(s.request.NamespaceLabels()):
		return "the labels of the namespace do not fit the selector"
	}
	return ""
}

// namespace is the object's, or its name if it is one.
func (s subject) namespace() string {
	if s.request.Kind.Kind == "Namespace" && s.request.Kind.Group == "" {
		return s.object.GetName()
	}
	if namespace := s.object.GetNamespace(); namespace != "" {
		return namespace
	}
	return s.request.Namespace
}
