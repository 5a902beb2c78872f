package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// kinds writes one section for each kind in config/crds, and in it one row for
// each field.
func kinds(out *bytes.Buffer, tree fs.FS) error {
	files, err := fs.Glob(tree, "config/crds/*.yaml")
	if err != nil {
		return err
	}
	out.WriteString("`kubectl explain KIND` shows the same in a cluster. Fields marked * are required.\n\n")
	for _, file := range files {
		content, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for i := range crd.Spec.Versions {
			kind(out, &crd, &crd.Spec.Versions[i])
		}
	}
	return nil
}

func kind(out *bytes.Buffer, crd *apiextensionsv1.CustomResourceDefinition, version *apiextensionsv1.CustomResourceDefinitionVersion) {
	fmt.Fprintf(out, "## %s\n\n`apiVersion: %s/%s`, %s", crd.Spec.Names.Kind, crd.Spec.Group, version.Name, strings.ToLower(string(crd.Spec.Scope)))
	if short := crd.Spec.Names.ShortNames; len(short) > 0 {
		fmt.Fprintf(out, "-scoped, short name `%s`", strings.Join(short, "`, `"))
	} else {
		out.WriteString("-scoped")
	}
	schema := version.Schema.OpenAPIV3Schema
	fmt.Fprintf(out, ".\n\n%s\n\n| field | type | meaning |\n|---|---|---|\n", schema.Description)
	for _, part := range []string{"spec", "status"} {
		if properties, ok := schema.Properties[part]; ok {
			fields(out, part, &properties)
		}
	}
	rules(out, schema)
	out.WriteString("\n")
}

// fields writes the fields below a schema, depth first, in order of their names.
func fields(out *bytes.Buffer, prefix string, schema *apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		field := schema.Properties[name]
		mark := ""
		if slices.Contains(schema.Required, name) {
			mark = "*"
		}
		path := prefix + "." + name
		fmt.Fprintf(out, "| `%s`%s | %s | %s |\n", path, mark, typeOf(&field), cell(field.Description+bounds(&field)))
		switch {
		case path == "status.conditions": // the same in every kind, and explained on its own page
		case field.Items != nil && field.Items.Schema != nil:
			fields(out, path+"[]", field.Items.Schema)
		default:
			fields(out, path, &field)
		}
	}
}

func typeOf(field *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case field.XIntOrString:
		return "quantity"
	case field.Items != nil && field.Items.Schema != nil:
		return "list of " + typeOf(field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(field.AdditionalProperties.Schema)
	}
	return field.Type
}

// bounds says which values a field takes, as far as a reader needs to know
// before writing one.
func bounds(field *apiextensionsv1.JSONSchemaProps) string {
	var text strings.Builder
	if len(field.Enum) > 0 {
		values := make([]string, 0, len(field.Enum))
		for _, value := range field.Enum {
			values = append(values, strings.Trim(string(value.Raw), `"`))
		}
		fmt.Fprintf(&text, " One of %s.", strings.Join(values, ", "))
	}
	if field.Default != nil && string(field.Default.Raw) != "{}" {
		fmt.Fprintf(&text, " Default %s.", strings.Trim(string(field.Default.Raw), `"`))
	}
	if field.MaxItems != nil {
		fmt.Fprintf(&text, " At most %d.", *field.MaxItems)
	}
	if field.MaxLength != nil {
		fmt.Fprintf(&text, " At most %d characters.", *field.MaxLength)
	}
	return text.String()
}

// rules lists what the API server refuses beyond types and bounds.
func rules(out *bytes.Buffer, schema *apiextensionsv1.JSONSchemaProps) {
	if messages := ruleMessages(schema); len(messages) > 0 {
		fmt.Fprintf(out, "\nThe API server also holds:\n\n- %s\n", strings.Join(messages, "\n- "))
	}
}

func ruleMessages(schema *apiextensionsv1.JSONSchemaProps) []string {
	var messages []string
	for _, rule := range schema.XValidations {
		messages = append(messages, rule.Message)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		messages = append(messages, ruleMessages(&property)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		messages = append(messages, ruleMessages(schema.Items.Schema)...)
	}
	return messages
}
