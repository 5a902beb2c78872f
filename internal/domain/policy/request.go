package policy

import (
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Request is what a policy decides on: an admission request, or an object that
// is treated as if it were created now. Its maps belong to the caller; nothing
// in governance changes them.
type Request struct {
	// Operation is CREATE, UPDATE, DELETE or CONNECT.
	Operation admissionv1.Operation
	// Kind, Resource and SubResource name what is written, in the version it
	// was sent in.
	Kind        schema.GroupVersionKind
	Resource    schema.GroupVersionResource
	SubResource string
	// Namespace is empty for objects of the cluster. For a Namespace object it
	// is the object's own name, as the API server has it.
	Namespace string
	// Name may be empty while a name is still to be generated.
	Name string
	// Object is the new state; nil on DELETE.
	Object map[string]any
	// OldObject is the former state; nil on CREATE and CONNECT.
	OldObject map[string]any
	// NamespaceObject is the Namespace of a namespaced object; nil when unknown
	// or none.
	NamespaceObject map[string]any
	// User is who asks. Empty in scans.
	User authenticationv1.UserInfo
	// Roles and ClusterRoles are bound to the user, for legacy matches:
	// "namespace:name" and "name".
	Roles, ClusterRoles []string
	// Options are the CreateOptions, UpdateOptions or DeleteOptions.
	Options map[string]any
	// DryRun tells that nothing will be stored.
	DryRun bool

	memo memo
}

// Labels of the new object, or of the old one when there is no new one.
func (r *Request) Labels() map[string]string { return r.subject().GetLabels() }

// NamespaceLabels are the labels of the object's namespace.
func (r *Request) NamespaceLabels() map[string]string {
	namespace := unstructured.Unstructured{Object: r.NamespaceObject}
	return namespace.GetLabels()
}

// subject is the object that the request is about.
func (r *Request) subject() *unstructured.Unstructured {
	if r.Object != nil {
		return &unstructured.Unstructured{Object: r.Object}
	}
	return &unstructured.Unstructured{Object: r.OldObject}
}

// With returns a copy of the request about another state of the same object.
func (r *Request) With(object map[string]any) *Request {
	changed := *r
	changed.Object, changed.memo = object, nil
	return &changed
}
