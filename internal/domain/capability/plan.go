package capability

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// ErrNoWebhook is returned when versions differ and there is no webhook to
// convert between them.
var ErrNoWebhook = errors.New("the versions differ, so the API server must ask Roadbed to convert claims, and it cannot reach Roadbed: " +
	"start the server with webhooks, or serve one version")

// World is what a plan depends on besides the Capability.
type World struct {
	// Webhook is where the API server asks for conversions; nil when it cannot
	// reach Roadbed.
	Webhook *apiextensionsv1.WebhookClientConfig
	// Gateway and Sloth say whether the cluster has their kinds.
	Gateway, Sloth bool
}

// Planned is what follows from a Capability.
type Planned struct {
	// Definition is the claims' kind.
	Definition *apiextensionsv1.CustomResourceDefinition
	// Gates guard alpha versions. They MUST be there before the kind is served.
	Gates []client.Object
	// Roles are the tenants' rights.
	Roles []client.Object
	// Routes are the HTTP API at the gateway, none where the cluster has no
	// gateway's kinds.
	Routes []client.Object
	// Documents is the ConfigMap with the documents.
	Documents *corev1.ConfigMap
	// Objectives are the SLOs, nil without any or where the cluster does not have
	// Sloth's kind: then they are in Documents only.
	Objectives *unstructured.Unstructured
}

// Plan says what follows from a Capability. It is pure.
func Plan(c *v1alpha1.Capability, s Settings, w World) (*Planned, error) {
	s = s.WithDefaults()
	crd, err := definition(c, w.Webhook)
	if err != nil {
		return nil, err
	}
	planned := &Planned{Definition: crd, Gates: gates(c), Roles: roles(c)}
	if w.Gateway {
		planned.Routes = routes(c, s)
	}
	slos := objectives(c, s)
	if planned.Documents, err = documents(c, s, slos); err != nil {
		return nil, err
	}
	if w.Sloth {
		planned.Objectives = slos
	}
	return planned, nil
}

// Objects are all that is applied besides the kind and the SLOs.
func (p *Planned) Objects() []client.Object {
	all := append(append(append([]client.Object{}, p.Gates...), p.Roles...), p.Routes...)
	return append(all, p.Documents)
}

// The keys of the ConfigMap with the documents.
const (
	// KeyDocs is the docs page in Markdown.
	KeyDocs = "docs.md"
	// KeyObjectives is Sloth's object in YAML.
	KeyObjectives = "slo.yaml"
	// keyOpenAPI begins, and .json ends, the key of a version's OpenAPI document.
	keyOpenAPI = "openapi-"
)

// KeyOpenAPI is the key of a version's OpenAPI document.
func KeyOpenAPI(version string) string { return keyOpenAPI + version + ".json" }

// documents hold the OpenAPI document of each served version, the docs page and
// the SLOs.
func documents(c *v1alpha1.Capability, s Settings, slos *unstructured.Unstructured) (*corev1.ConfigMap, error) {
	made := &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta(c, s.Namespace, RouteName(c)),
		Data: map[string]string{},
	}
	made.Labels[v1alpha1.LabelDocument] = "capability"
	docs, err := Docs(c)
	if err != nil {
		return nil, err
	}
	made.Data[KeyDocs] = docs
	for _, v := range ServedVersions(c) {
		document, err := OpenAPI(c, v)
		if err != nil {
			return nil, err
		}
		made.Data[KeyOpenAPI(v.Name)] = string(document)
	}
	if slos == nil {
		return made, nil
	}
	text, err := yaml.Marshal(slos.Object)
	if err != nil {
		return nil, fmt.Errorf("write the SLOs of %q: %w", c.Name, err)
	}
	made.Data[KeyObjectives] = string(text)
	return made, nil
}
