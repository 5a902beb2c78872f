package policies

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// lookup reads objects from the cluster with the rights of the user.
type lookup struct {
	objects dynamic.Interface
	raw     rest.Interface
}

var _ policy.Lookup = (*lookup)(nil)

// liveLookup reaches the cluster.
func (p *program) liveLookup() (*lookup, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	objects, err := p.objectsOfCluster()
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &lookup{objects: objects, raw: d.RESTClient()}, nil
}

// Get returns one object.
func (l *lookup) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	object, err := l.in(resource, namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return object.Object, nil
}

// List returns the objects of a namespace, or of all, that have the labels.
func (l *lookup) List(ctx context.Context, resource schema.GroupVersionResource, namespace string, wanted map[string]string) ([]map[string]any, error) {
	list, err := l.in(resource, namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(wanted).String()})
	if err != nil {
		return nil, err
	}
	objects := make([]map[string]any, len(list.Items))
	for i := range list.Items {
		objects[i] = list.Items[i].Object
	}
	return objects, nil
}

func (l *lookup) in(resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return l.objects.Resource(resource)
	}
	return l.objects.Resource(resource).Namespace(namespace)
}

// Call sends a GET request to the API server: this verb changes nothing.
func (l *lookup) Call(ctx context.Context, method, path string, _ any) (any, error) {
	if method != "" && !strings.EqualFold(method, "GET") {
		return nil, fmt.Errorf("%s %s: only GET is sent from the command line", method, path)
	}
	data, err := l.raw.Get().RequestURI(path).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var value any
	if err := utiljson.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return value, nil
}

// Global is an error: the global context is the server's.
func (l *lookup) Global(_ context.Context, name string) (any, error) {
	return nil, fmt.Errorf("entry %q of the global context is not known to the command line; give it in a context file", name)
}
