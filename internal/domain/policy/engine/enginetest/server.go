package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Server asks an API server for verdicts. Nothing is stored.
type Server struct {
	Client client.Client
	// User is who the client acts as.
	User authenticationv1.UserInfo
	// World is what policies may look at; nothing unless it is set.
	World policy.World
}

// ErrOther is a refusal by something else than a policy.
var ErrOther = errors.New("refused by something else")

// Verdict is what the server said of a request.
type Verdict struct {
	// Object is what would have been stored; nil if it was refused.
	Object map[string]any
	// Refusal is the message of the policy that refused; empty if none did.
	Refusal string
}

// Create asks what happened if the object were created in a namespace. Its own
// namespace, if it has one, is replaced.
func (s Server) Create(ctx context.Context, namespace string, object map[string]any) (Verdict, error) {
	created := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)}
	created.SetNamespace(namespace)
	err := s.Client.Create(ctx, created, client.DryRunAll)
	if err == nil {
		return Verdict{Object: created.Object}, nil
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		return Verdict{}, err
	}
	_, refusal, ok := strings.Cut(status.ErrStatus.Message, "denied request: ")
	if !ok {
		return Verdict{}, fmt.Errorf("%w: %w", ErrOther, err)
	}
	return Verdict{Refusal: refusal}, nil
}

// Request is the request that Create makes, with the object as the server has
// it after its defaults: stored is a verdict's object.
func (s Server) Request(ctx context.Context, namespace string, stored map[string]any, resource string) (*policy.Request, error) {
	var home corev1.Namespace
	if err := s.Client.Get(ctx, client.ObjectKey{Name: namespace}, &home); err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&home)
	if err != nil {
		return nil, err
	}
	object := unstructured.Unstructured{Object: runtime.DeepCopyJSON(stored)}
	object.SetNamespace(namespace)
	kind := object.GroupVersionKind()
	return &policy.Request{
		Operation: admissionv1.Create, Kind: kind, Resource: kind.GroupVersion().WithResource(resource),
		Namespace: namespace, Name: object.GetName(), Object: object.Object, NamespaceObject: content,
		User: s.User, DryRun: true,
	}, nil
}

// Comparable is an object without what the server makes up for each request.
func Comparable(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	plain := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)}
	for _, field := range []string{"uid", "creationTimestamp", "managedFields", "resourceVersion", "namespace", "generation"} {
		unstructured.RemoveNestedField(plain.Object, "metadata", field)
	}
	delete(plain.Object, "status")
	return plain.Object
}
