package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Field is a field of a schema, for people.
type Field struct {
	// Path such as spec.storage.size; "[]" stands for the items of a list, and
	// "*" for the values of a map.
	Path string
	// Type in a word: string, integer, list of string, map of string.
	Type string
	// Required fields must be given.
	Required bool
	// Limits are the bounds, the values and the default, in words.
	Limits string
	// Description as the schema has it.
	Description string
}

// Fields are all fields below a schema of type object, in the order of their
// paths, each path beginning with the prefix.
func Fields(prefix string, props *Props) []Field {
	var all []Field
	for _, name := range slices.Sorted(maps.Keys(props.Properties)) {
		child := props.Properties[name]
		path := prefix + "." + name
		all = append(all, Field{
			Path: path, Type: TypeOf(&child), Required: slices.Contains(props.Required, name),
			Limits: limits(&child), Description: strings.Join(strings.Fields(child.Description), " "),
		})
		all = append(all, nested(path, &child)...)
	}
	return all
}

// nested are the fields below a field.
func nested(path string, props *Props) []Field {
	switch {
	case props.Items != nil && props.Items.Schema != nil:
		return nested(path+"[]", props.Items.Schema)
	case props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil:
		return nested(path+".*", props.AdditionalProperties.Schema)
	}
	return Fields(path, props)
}

// TypeOf is the type of a schema in a word or three.
func TypeOf(props *Props) string {
	switch {
	case props.XIntOrString:
		return "integer or string"
	case props.Type == "array" && props.Items != nil && props.Items.Schema != nil:
		return "list of " + TypeOf(props.Items.Schema)
	case props.Type == "object" && props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil:
		return "map of " + TypeOf(props.AdditionalProperties.Schema)
	case props.Type == "":
		return "anything"
	case props.Format != "":
		return props.Type + " (" + props.Format + ")"
	}
	return props.Type
}

// limits are a schema's bounds, values and default in words.
func limits(props *Props) string {
	var said []string
	say := func(format string, value any) { said = append(said, fmt.Sprintf(format, value)) }
	if len(props.Enum) > 0 {
		values := make([]string, 0, len(props.Enum))
		for _, value := range props.Enum {
			values = append(values, string(value.Raw))
		}
		say("one of %s", strings.Join(values, ", "))
	}
	number(say, "at least %v", props.Minimum)
	number(say, "at most %v", props.Maximum)
	number(say, "%v characters or more", props.MinLength)
	number(say, "at most %v characters", props.MaxLength)
	number(say, "%v items or more", props.MinItems)
	number(say, "at most %v items", props.MaxItems)
	if props.Pattern != "" {
		say("matches %s", props.Pattern)
	}
	if props.Default != nil {
		say("default %s", string(props.Default.Raw))
	}
	return strings.Join(said, "; ")
}

func number[T int64 | float64](say func(string, any), format string, value *T) {
	if value != nil {
		say(format, *value)
	}
}
