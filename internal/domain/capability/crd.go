package capability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// ConversionPath is where the API server asks Roadbed to convert claims.
const ConversionPath = "/conversion/capability"

// category is the name under which "kubectl get claims" finds all claims.
const category = "claims"

// definition is the claims' kind as the API server serves it. The webhook is
// where it asks for conversions, and may be nil when none is needed.
func definition(c *v1alpha1.Capability, webhook *apiextensionsv1.WebhookClientConfig) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition"},
		ObjectMeta: meta(c, "", Definition(c)),
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: Group(c), Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: c.Spec.Names.Kind, ListKind: c.Spec.Names.Kind + "List", Plural: c.Spec.Names.Plural,
				Singular: Singular(c), ShortNames: slices.Clone(c.Spec.Names.ShortNames), Categories: []string{category},
			},
			Conversion: &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter},
		},
	}
	if flags := flagsOf(c); flags != "" {
		crd.Annotations = map[string]string{v1alpha1.AnnotationFlags: flags}
	}
	for _, v := range Living(c) {
		served, err := servedVersion(c, v)
		if err != nil {
			return nil, err
		}
		crd.Spec.Versions = append(crd.Spec.Versions, served)
	}
	differ, err := NeedsConversion(c)
	if err != nil || !differ {
		return crd, err
	}
	if webhook == nil {
		return nil, ErrNoWebhook
	}
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
		Strategy: apiextensionsv1.WebhookConverter,
		Webhook:  &apiextensionsv1.WebhookConversion{ClientConfig: webhook, ConversionReviewVersions: []string{"v1"}},
	}
	return crd, nil
}

func servedVersion(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) (apiextensionsv1.CustomResourceDefinitionVersion, error) {
	props, err := ClaimSchema(v)
	if err != nil {
		return apiextensionsv1.CustomResourceDefinitionVersion{}, err
	}
	served := apiextensionsv1.CustomResourceDefinitionVersion{
		Name: v.Name, Served: Served(v), Storage: v.Storage,
		Schema:                   &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: props},
		Subresources:             &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		AdditionalPrinterColumns: columns(v),
	}
	if v.Stage == v1alpha1.StageDeprecated {
		warning := Warning(c, v)
		served.Deprecated, served.DeprecationWarning = true, &warning
	}
	return served, nil
}

// Warning is what kubectl prints when somebody uses a deprecated version. The
// API server takes 256 characters.
func Warning(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) string {
	text := fmt.Sprintf("%s/%s %s is deprecated since %s and goes away on %s", Group(c), v.Name, c.Spec.Names.Kind, day(v.Deprecated), day(v.Sunset))
	if v.Successor != "" {
		text += fmt.Sprintf("; use %s/%s", Group(c), v.Successor)
	}
	return text[:min(len(text), 256)]
}

func day(t *metav1.Time) string {
	if t == nil {
		return "a day yet to be said"
	}
	return t.UTC().Format(time.DateOnly)
}

func columns(v *v1alpha1.CapabilityVersion) []apiextensionsv1.CustomResourceColumnDefinition {
	var all []apiextensionsv1.CustomResourceColumnDefinition
	add := func(name, kind, path string, priority int32) {
		all = append(all, apiextensionsv1.CustomResourceColumnDefinition{Name: name, Type: kind, JSONPath: path, Priority: priority})
	}
	for _, column := range v.Schema.Columns {
		kind := column.Type
		if kind == "" {
			kind = "string"
		}
		add(column.Name, kind, column.Path, 0)
	}
	add("Ready", "string", `.status.conditions[?(@.type=="Ready")].status`, 0)
	add("Endpoint", "string", ".status.endpoint", 1)
	add("Revision", "string", ".status.revision", 1)
	add("Age", "date", ".metadata.creationTimestamp", 0)
	return all
}

// flagsOf are the flags of the alpha versions, as VERSION=FLAG.
func flagsOf(c *v1alpha1.Capability) string {
	var flags []string
	for _, v := range Living(c) {
		if v.Stage == v1alpha1.StageAlpha {
			flags = append(flags, v.Name+"="+v.Flag)
		}
	}
	slices.Sort(flags)
	return strings.Join(flags, ",")
}

// NeedsConversion says whether the API server must ask Roadbed to convert
// claims: whether two living versions have different fields, or rules.
func NeedsConversion(c *v1alpha1.Capability) (bool, error) {
	var first []byte
	for _, v := range Living(c) {
		if len(v.Conversions) > 0 && len(Living(c)) > 1 {
			return true, nil
		}
		props, err := ClaimSchema(v)
		if err != nil {
			return false, err
		}
		text, err := json.Marshal(props)
		if err != nil {
			return false, fmt.Errorf("encode the schema of version %q: %w", v.Name, err)
		}
		if first == nil {
			first = text
		}
		if !bytes.Equal(first, text) {
			return true, nil
		}
	}
	return false, nil
}
