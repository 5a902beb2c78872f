package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// reviews is where the API server says who may do what.
const reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

// pageSize is how many objects are read at once.
const pageSize = 500

// Lookup asks the API server. It is safe for concurrent use.
type Lookup struct {
	objects dynamic.Interface
	paths   rest.Interface
}

var _ policy.Lookup = (*Lookup)(nil)

// New returns a Lookup that reads as the connection does.
func New(config *rest.Config, client *http.Client) (*Lookup, error) {
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make the client for lookups of policies: %w", err)
	}
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	config.GroupVersion = &schema.GroupVersion{}
	paths, err := rest.RESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make the client for calls of policies: %w", err)
	}
	return &Lookup{objects: objects, paths: paths}, nil
}

// Get returns one object.
func (l *Lookup) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if err := readable(resource); err != nil {
		return nil, err
	}
	object, err := l.objects.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, explained(err)
	}
	return object.Object, nil
}

// List returns the objects of a namespace, or of all when it is empty, that have
// the labels.
func (l *Lookup) List(ctx context.Context, resource schema.GroupVersionResource, namespace string, wanted map[string]string) ([]map[string]any, error) {
	if err := readable(resource); err != nil {
		return nil, err
	}
	found := []map[string]any{}
	options := metav1.ListOptions{LabelSelector: labels.SelectorFromSet(wanted).String(), Limit: pageSize}
	for {
		page, err := l.objects.Resource(resource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, explained(err)
		}
		for i := range page.Items {
			found = append(found, page.Items[i].Object)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return found, nil
		}
	}
}

// Call reads a path of the API server, or asks who may do what.
func (l *Lookup) Call(ctx context.Context, method, path string, body any) (any, error) {
	address, err := pathOf(path)
	if err != nil {
		return nil, err
	}
	request := l.paths.Get()
	switch {
	case method == http.MethodGet || method == "":
	case method == http.MethodPost && address.Path == reviews:
		sent, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode what is sent: %w", method, path, err)
		}
		request = l.paths.Post().Body(sent).SetHeader("Content-Type", "application/json")
	default:
		return nil, fmt.Errorf("%s %s: policies may only read (GET), and ask %s who may do what (POST)", method, path, reviews)
	}
	answer, err := request.RequestURI(address.RequestURI()).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return nil, explained(err)
	}
	var decoded any
	if err := utiljson.Unmarshal(answer, &decoded); err != nil {
		return nil, fmt.Errorf("GET %s: the answer is no JSON: %w", path, err)
	}
	return decoded, nil
}

// Global is not supported: Roadbed fills no global context.
func (*Lookup) Global(_ context.Context, name string) (any, error) {
	return nil, fmt.Errorf("global context entry %q: GlobalContextEntry is not supported; look the objects up where the policy needs them", name)
}

// pathOf is a path of the API server that policies may read.
func pathOf(path string) (*url.URL, error) {
	address, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", path, err)
	}
	parts := strings.Split(address.Path, "/")
	switch {
	case address.Host != "" || address.Scheme != "" || !strings.HasPrefix(address.Path, "/"):
		return nil, fmt.Errorf("path %q: begin with /api/ or /apis/: policies call the API server and nobody else", path)
	case slices.Contains(parts, ".."):
		return nil, fmt.Errorf("path %q: goes up (..), which policies may not", path)
	case slices.Contains(parts, "secrets"):
		return nil, errSecrets()
	}
	return address, nil
}

func readable(resource schema.GroupVersionResource) error {
	if resource.Group == "" && resource.Resource == "secrets" {
		return errSecrets()
	}
	return nil
}

func errSecrets() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("policies read no Secrets"))
}

// explained says what to do where Roadbed may not read what a policy wants.
func explained(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w; bind the user %s to a role that may read it", err, identity.Roadbed)
	}
	return err
}
