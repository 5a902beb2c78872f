package scenario

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Context is a file that says what there is besides the objects to judge, kind
// Context of cli.kyverno.io/v1alpha1.
type Context struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ContextSpec `json:"spec"`
}

// ContextSpec says what there is.
type ContextSpec struct {
	// Resources are objects to be looked up.
	Resources []map[string]any `json:"resources,omitempty"`
	// Images are what a registry would tell of images.
	Images []ImageData `json:"images,omitempty"`
	// GlobalContext are entries of the global context.
	GlobalContext []GlobalEntry `json:"globalContext,omitempty"`
	// HTTP are answers to requests of policies.
	HTTP []HTTPAnswer `json:"http,omitempty"`
}

// ImageData is what a registry would tell of an image.
type ImageData struct {
	Image         string `json:"image"`
	ResolvedImage string `json:"resolvedImage"`
	Registry      string `json:"registry"`
	Repository    string `json:"repository"`
	Tag           string `json:"tag,omitempty"`
	Digest        string `json:"digest,omitempty"`
	ImageIndex    any    `json:"imageIndex,omitempty"`
	Manifest      any    `json:"manifest,omitempty"`
	Config        any    `json:"config,omitempty"`
}

// GlobalEntry is an entry of the global context.
type GlobalEntry struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// HTTPAnswer is the answer to one request.
type HTTPAnswer struct {
	Method string `json:"method,omitempty"`
	URL    string `json:"url"`
	Status int    `json:"status,omitempty"`
	Body   any    `json:"body,omitempty"`
}

// ParseContext reads a file that says what there is.
func ParseContext(file string, data []byte) (ContextSpec, []yamldoc.Mistake) {
	var context Context
	mistakes := one(file, data, &context, "Context")
	return context.Spec, mistakes
}

// ClusterResource is a file that says what is in the cluster, kind
// ClusterResource of cli.kyverno.io/v1alpha1.
type ClusterResource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ClusterResourceSpec `json:"spec"`
}

// ClusterResourceSpec says what is in the cluster.
type ClusterResourceSpec struct {
	// CRDs are files.
	CRDs []string `json:"crds,omitempty"`
	// Resources are objects.
	Resources []map[string]any `json:"resources,omitempty"`
}

// ParseClusterResource reads a file that says what is in the cluster.
func ParseClusterResource(file string, data []byte) (ClusterResourceSpec, []yamldoc.Mistake) {
	var given ClusterResource
	mistakes := one(file, data, &given, "ClusterResource")
	return given.Spec, mistakes
}
