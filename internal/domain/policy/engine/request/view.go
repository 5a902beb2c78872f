package request

import (
	"maps"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// nameLabel is what the API server sets on every namespace.
const nameLabel = "kubernetes.io/metadata.name"

// viewKey is under which a request remembers its view.
type viewKey struct{}

// View is a request as the API server's packages want it. A view is for one
// goroutine: it converts an object to a CEL value once. Policies share it and must
// not change it.
type View struct {
	// Attributes have the objects as they came.
	Attributes admission.Attributes
	// Namespace is that of the object; nil for objects of the cluster.
	Namespace *corev1.Namespace

	versioned *admission.VersionedAttributes
	matcher   *matching.Matcher
}

// viewOf is the view of a request; all policies that judge a remembering
// request share it.
func viewOf(r *policy.Request) *View { return policy.Derive(r, viewKey{}, newView) }

// namespaceKind is special: the API server gives policies about a namespace no
// namespaceObject, but its selectors look at the namespace itself.
var namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// newView decodes a request.
func newView(r *policy.Request) *View {
	attributes := attributesOf(r, decode(r.Object, r.Kind), decode(r.OldObject, r.Kind))
	v := &View{Attributes: attributes, versioned: Versioned(attributes, r.Kind), Namespace: namespaceOf(r)}
	v.matcher = matching.NewMatcher(oneNamespace{v.Namespace}, nil)
	if r.Kind == namespaceKind {
		v.Namespace = nil
	}
	return v
}

// Versioned wraps the objects of attributes, which are of the kind already.
func Versioned(attributes admission.Attributes, kind schema.GroupVersionKind) *admission.VersionedAttributes {
	made := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind}
	if object := attributes.GetObject(); object != nil {
		made.VersionedObject.Set(object)
	}
	if object := attributes.GetOldObject(); object != nil {
		made.VersionedOldObject.Set(object)
	}
	return made
}

func attributesOf(r *policy.Request, object, old runtime.Object) admission.Attributes {
	return admission.NewAttributesRecord(object, old, r.Kind, r.Namespace, r.Name, r.Resource, r.SubResource,
		admission.Operation(r.Operation), optionsOf(r), r.DryRun, userOf(r))
}

// decode gives an object of Kubernetes' own kinds its Go type. What is not of
// such a kind, or does not fit it, stays as it is: the API server would not have
// let it come so far.
func decode(object map[string]any, kind schema.GroupVersionKind) runtime.Object {
	if object == nil {
		return nil
	}
	if typed := decodeTyped(object, kind); typed != nil {
		return typed
	}
	return &unstructured.Unstructured{Object: object}
}

func decodeTyped(object map[string]any, kind schema.GroupVersionKind) runtime.Object {
	if !scheme.Scheme.Recognizes(kind) {
		return nil
	}
	typed, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, typed); err != nil {
		return nil
	}
	typed.GetObjectKind().SetGroupVersionKind(kind)
	if namespace, ok := typed.(*corev1.Namespace); ok {
		named(namespace)
	}
	return typed
}

// named sets the label that the API server sets on every namespace.
func named(namespace *corev1.Namespace) {
	if namespace.Name == "" || namespace.Labels[nameLabel] != "" {
		return
	}
	labels := map[string]string{nameLabel: namespace.Name}
	maps.Copy(labels, namespace.Labels)
	namespace.Labels = labels
}

// namespaceOf is the namespace of the request's object: what is known of it, or
// its name. It is nil for objects of the cluster.
func namespaceOf(r *policy.Request) *corev1.Namespace {
	if r.Namespace == "" {
		return nil
	}
	known := r.NamespaceObject
	if r.Kind == namespaceKind && known == nil {
		known = r.OldObject
	}
	namespace := &corev1.Namespace{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(known, namespace); err != nil || known == nil {
		namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace}}
	}
	named(namespace)
	return namespace
}

// optionsOf are the request's options, in their type.
func optionsOf(r *policy.Request) runtime.Object {
	kind := metav1.SchemeGroupVersion.WithKind("CreateOptions")
	var options runtime.Object = &metav1.CreateOptions{}
	switch r.Operation {
	case admissionv1.Update:
		kind.Kind, options = "UpdateOptions", &metav1.UpdateOptions{}
	case admissionv1.Delete:
		kind.Kind, options = "DeleteOptions", &metav1.DeleteOptions{}
	case admissionv1.Connect:
		return nil
	default:
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.Options, options); err != nil {
		return nil
	}
	options.GetObjectKind().SetGroupVersionKind(kind)
	return options
}

func userOf(r *policy.Request) user.Info {
	info := &user.DefaultInfo{Name: r.User.Username, UID: r.User.UID, Groups: r.User.Groups}
	if len(r.User.Extra) > 0 {
		info.Extra = make(map[string][]string, len(r.User.Extra))
		for key, values := range r.User.Extra {
			info.Extra[key] = values
		}
	}
	return info
}
