package variable

import (
	"encoding/json"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// ForRequest returns the context that every rule begins with: request, images,
// serviceAccountName and serviceAccountNamespace. On DELETE, request.object is
// the old object, as rules expect of it.
func ForRequest(r *policy.Request, env jmespath.Env, extractors Extractors) *Context {
	name, namespace := serviceAccount(r.User.Username)
	return NewContext(env).
		WithLazy(Request, func(*Context) (any, error) {
			known := policy.Derive(r, requestKey{}, writtenRequest)
			return known.object, known.err
		}).
		With(ServiceAccountName, name).
		With(ServiceAccountNamespace, namespace).
		WithImages(r.Kind.Kind, subject(r), extractors)
}

// requestKey is what a request remembers its JSON by.
type requestKey struct{}

// written is a request as JSON.
type written struct {
	object map[string]any
	err    error
}

func writtenRequest(r *policy.Request) *written {
	object, err := requestObject(r)
	return &written{object, err}
}

// subject is the object that a request is about.
func subject(r *policy.Request) map[string]any {
	if r.Object != nil {
		return r.Object
	}
	return r.OldObject
}

// WithImages returns a context in which images are those of an object. A rule
// that asks for images where there are none finds the key missing.
func (c *Context) WithImages(kind string, object map[string]any, extractors Extractors) *Context {
	return c.WithLazy(Images, func(below *Context) (any, error) {
		images, err := extractors.Images(kind, object, below.env)
		if err != nil {
			return nil, err
		}
		if len(images) == 0 {
			return nil, errNone
		}
		return images.Object(), nil
	})
}

// serviceAccount reads a user name of the form system:serviceaccount:NAMESPACE:NAME.
// For anybody else both are empty.
func serviceAccount(username string) (name, namespace string) {
	rest, ok := strings.CutPrefix(username, "system:serviceaccount:")
	if !ok {
		return "", ""
	}
	namespace, name, ok = strings.Cut(rest, ":")
	if !ok {
		return "", ""
	}
	return name, namespace
}

// requestObject writes a request as an AdmissionRequest reads in JSON.
func requestObject(r *policy.Request) (map[string]any, error) {
	user, err := userObject(r)
	if err != nil {
		return nil, err
	}
	object := map[string]any{
		"operation":    string(r.Operation),
		"kind":         kindObject(r.Kind),
		"resource":     resourceObject(r.Resource),
		"namespace":    r.Namespace,
		"name":         nameOf(r),
		"object":       orNull(r.Object),
		"oldObject":    orNull(r.OldObject),
		"options":      orNull(r.Options),
		"dryRun":       r.DryRun,
		"userInfo":     user,
		"roles":        strs(r.Roles),
		"clusterRoles": strs(r.ClusterRoles),
	}
	if r.SubResource != "" {
		object["subResource"] = r.SubResource
	}
	if r.Operation == admissionv1.Delete && r.Object == nil {
		object["object"] = orNull(r.OldObject)
	}
	return object, nil
}

// nameOf a request is the object's own where the request has none.
func nameOf(r *policy.Request) string {
	if r.Name != "" {
		return r.Name
	}
	object := unstructured.Unstructured{Object: subject(r)}
	return object.GetName()
}

func kindObject(kind schema.GroupVersionKind) map[string]any {
	return map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind}
}

func resourceObject(resource schema.GroupVersionResource) map[string]any {
	return map[string]any{"group": resource.Group, "version": resource.Version, "resource": resource.Resource}
}

func userObject(r *policy.Request) (map[string]any, error) {
	encoded, err := json.Marshal(r.User)
	if err != nil {
		return nil, err
	}
	var user map[string]any
	return user, json.Unmarshal(encoded, &user)
}

// orNull keeps a missing object from being an empty one.
func orNull(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

func strs(texts []string) any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
