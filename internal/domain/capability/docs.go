package capability

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

//go:embed page.md
var pageSource string

// page is all that the docs page says.
type page struct {
	*v1alpha1.Capability
	Title, Group, API string
	Versions          []pageVersion
	Converted         bool
}

// pageVersion is what the page says of a version that is served.
type pageVersion struct {
	*v1alpha1.CapabilityVersion
	APIVersion, Path, Warning, Example string
	Fields                             []schema.Field
}

// Docs is the docs page of a Capability, in Markdown.
func Docs(c *v1alpha1.Capability) (string, error) {
	converted, err := NeedsConversion(c)
	if err != nil {
		return "", err
	}
	p := page{Capability: c, Title: Title(c), Group: Group(c), API: API(c), Converted: converted}
	for _, v := range ServedVersions(c) {
		version, err := describe(c, v)
		if err != nil {
			return "", err
		}
		p.Versions = append(p.Versions, version)
	}
	t, err := template.New("page").Funcs(template.FuncMap{"cell": cell, "join": strings.Join, "day": day}).Parse(pageSource)
	if err != nil {
		return "", fmt.Errorf("read the page's template: %w", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, p); err != nil {
		return "", fmt.Errorf("write the docs page of %q: %w", c.Name, err)
	}
	return text.String(), nil
}

func describe(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) (pageVersion, error) {
	spec, err := schema.Decode(&v.Schema.Spec)
	if err != nil {
		return pageVersion{}, fmt.Errorf("version %q: %w", v.Name, err)
	}
	example, err := Example(c, v)
	if err != nil {
		return pageVersion{}, err
	}
	described := pageVersion{
		CapabilityVersion: v, APIVersion: Group(c) + "/" + v.Name, Path: Path(c, v.Name),
		Example: example, Fields: schema.Fields("spec", spec),
	}
	if v.Stage == v1alpha1.StageDeprecated {
		described.Warning = Warning(c, v)
	}
	return described, nil
}

// Example is a claim of a version, as YAML.
func Example(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) (string, error) {
	spec, err := schema.Decode(&v.Schema.Spec)
	if err != nil {
		return "", fmt.Errorf("version %q: %w", v.Name, err)
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": Group(c) + "/" + v.Name, "kind": c.Spec.Names.Kind,
		"metadata": map[string]any{"name": "my-" + Singular(c)}, "spec": schema.Example(spec),
	})
	if err != nil {
		return "", fmt.Errorf("write an example of version %q: %w", v.Name, err)
	}
	return string(text), nil
}

// cell is a text as a table has it.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

// Removed are the versions that are gone; the page names them.
func (p page) Removed() []string {
	var names []string
	for i := range p.Spec.Versions {
		if p.Spec.Versions[i].Stage == v1alpha1.StageRemoved {
			names = append(names, p.Spec.Versions[i].Name)
		}
	}
	slices.Sort(names)
	return names
}
