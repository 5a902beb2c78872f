package contract

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

// Break is a change that somebody who relied on the version would notice.
type Break struct {
	// Where is the field, such as spec.size, or the operation.
	Where string
	// What in words, with the way out where there is one.
	What string
}

// String gives the break as people read it.
func (b Break) String() string { return b.Where + ": " + b.What }

// Schemas compares what a version's claims look like.
func Schemas(before, after *v1alpha1.CapabilityVersion) ([]Break, error) {
	was, err := schema.Decode(&before.Schema.Spec)
	if err != nil {
		return nil, fmt.Errorf("the schema as it was: %w", err)
	}
	is, err := schema.Decode(&after.Schema.Spec)
	if err != nil {
		return nil, fmt.Errorf("the schema as it would be: %w", err)
	}
	var d difference
	d.input("spec", was, is)
	if was, err = schema.Decode(before.Schema.Status); err != nil {
		return nil, fmt.Errorf("the status schema as it was: %w", err)
	}
	if is, err = schema.Decode(after.Schema.Status); err != nil {
		return nil, fmt.Errorf("the status schema as it would be: %w", err)
	}
	d.output("status", was, is)
	for _, key := range before.Connection.SecretKeys {
		if !slices.Contains(after.Connection.SecretKeys, key) {
			d.add("connection.secretKeys", "the key %q is gone from the connection Secret", key)
		}
	}
	return d.breaks, nil
}

// difference collects breaks.
type difference struct{ breaks []Break }

func (d *difference) add(where, format string, args ...any) {
	d.breaks = append(d.breaks, Break{Where: where, What: fmt.Sprintf(format, args...)})
}

// input compares what people write: what was taken must still be, and mean the
// same.
func (d *difference) input(path string, was, is *schema.Props) {
	if !d.sameType(path, was, is) {
		return
	}
	d.values(path, was, is)
	d.bounds(path, was, is)
	d.rules(path, was, is)
	d.defaults(path, was, is)
	d.properties(path, was, is)
	if was.Items != nil && is.Items != nil && was.Items.Schema != nil && is.Items.Schema != nil {
		d.input(path+"[]", was.Items.Schema, is.Items.Schema)
	}
	d.additional(path, was, is)
}

func (d *difference) sameType(path string, was, is *schema.Props) bool {
	if schema.TypeOf(was) == "anything" && schema.TypeOf(is) == "anything" {
		return true
	}
	if was.Type != is.Type || was.XIntOrString != is.XIntOrString {
		d.add(path, "was %s and would be %s", schema.TypeOf(was), schema.TypeOf(is))
		return false
	}
	if was.Nullable && !is.Nullable {
		d.add(path, "could be null and no longer could")
	}
	return true
}

func (d *difference) values(path string, was, is *schema.Props) {
	if len(was.Enum) == 0 && len(is.Enum) > 0 {
		d.add(path, "could have any value and would have to be one of a list")
		return
	}
	for _, value := range was.Enum {
		kept := func(other []byte) bool { return bytes.Equal(bytes.TrimSpace(other), bytes.TrimSpace(value.Raw)) }
		found := len(is.Enum) == 0
		for _, other := range is.Enum {
			found = found || kept(other.Raw)
		}
		if !found {
			d.add(path, "the value %s is no longer taken", value.Raw)
		}
	}
}

func (d *difference) bounds(path string, was, is *schema.Props) {
	lower(d, path, "minimum", was.Minimum, is.Minimum)
	upper(d, path, "maximum", was.Maximum, is.Maximum)
	lower(d, path, "minLength", was.MinLength, is.MinLength)
	upper(d, path, "maxLength", was.MaxLength, is.MaxLength)
	lower(d, path, "minItems", was.MinItems, is.MinItems)
	upper(d, path, "maxItems", was.MaxItems, is.MaxItems)
	lower(d, path, "minProperties", was.MinProperties, is.MinProperties)
	upper(d, path, "maxProperties", was.MaxProperties, is.MaxProperties)
	if !was.ExclusiveMinimum && is.ExclusiveMinimum || !was.ExclusiveMaximum && is.ExclusiveMaximum {
		d.add(path, "a bound was part of the range and no longer is")
	}
	if is.Pattern != "" && was.Pattern != is.Pattern {
		d.add(path, "the pattern changes from %q to %q", was.Pattern, is.Pattern)
	}
	if is.Format != "" && was.Format != is.Format {
		d.add(path, "the format changes from %q to %q", was.Format, is.Format)
	}
	if is.MultipleOf != nil && (was.MultipleOf == nil || *was.MultipleOf != *is.MultipleOf) {
		d.add(path, "must be a multiple of %v", *is.MultipleOf)
	}
}

func lower[T cmp.Ordered](d *difference, path, name string, was, is *T) {
	if is != nil && (was == nil || *is > *was) {
		d.add(path, "%s rises from %s to %v", name, said(was), *is)
	}
}

func upper[T cmp.Ordered](d *difference, path, name string, was, is *T) {
	if is != nil && (was == nil || *is < *was) {
		d.add(path, "%s falls from %s to %v", name, said(was), *is)
	}
}

func said[T cmp.Ordered](bound *T) string {
	if bound == nil {
		return "none"
	}
	return fmt.Sprint(*bound)
}

// rules compares CEL rules and combinations by their text: whether one is wider
// than another nobody can tell.
func (d *difference) rules(path string, was, is *schema.Props) {
	for _, rule := range is.XValidations {
		if !slices.ContainsFunc(was.XValidations, func(old apiextensionsv1.ValidationRule) bool { return old.Rule == rule.Rule }) {
			d.add(path, "the rule %q is new", rule.Rule)
		}
	}
	for _, part := range []struct {
		name    string
		was, is []schema.Props
	}{{"allOf", was.AllOf, is.AllOf}, {"anyOf", was.AnyOf, is.AnyOf}, {"oneOf", was.OneOf, is.OneOf}} {
		if len(part.is) > 0 && !equality.Semantic.DeepEqual(part.was, part.is) {
			d.add(path, "%s changes", part.name)
		}
	}
	if is.Not != nil && !equality.Semantic.DeepEqual(was.Not, is.Not) {
		d.add(path, "not changes")
	}
}

func (d *difference) defaults(path string, was, is *schema.Props) {
	switch {
	case was.Default == nil:
	case is.Default == nil:
		d.add(path, "the default %s is gone", was.Default.Raw)
	case !bytes.Equal(was.Default.Raw, is.Default.Raw):
		d.add(path, "the default changes from %s to %s", was.Default.Raw, is.Default.Raw)
	}
}

func (d *difference) properties(path string, was, is *schema.Props) {
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		old, at := was.Properties[name], path+"."+name
		if now, kept := is.Properties[name]; kept {
			d.input(at, &old, &now)
		} else {
			d.add(at, "the field is gone")
		}
	}
	for _, name := range slices.Sorted(slices.Values(is.Required)) {
		if slices.Contains(was.Required, name) {
			continue
		}
		if now := is.Properties[name]; now.Default == nil {
			d.add(path+"."+name, "becomes required: give it a default, or leave it optional")
		}
	}
}

func (d *difference) additional(path string, was, is *schema.Props) {
	old, now := was.AdditionalProperties, is.AdditionalProperties
	switch {
	case old != nil && old.Schema != nil && now != nil && now.Schema != nil:
		d.input(path+".*", old.Schema, now.Schema)
	case old != nil && (old.Schema != nil || old.Allows) && now == nil:
		d.add(path, "took any keys and no longer does")
	}
	if preserves(was) && !preserves(is) {
		d.add(path, "kept unknown fields and would drop them")
	}
}

func preserves(props *schema.Props) bool {
	return props.XPreserveUnknownFields != nil && *props.XPreserveUnknownFields
}

// output compares what people read: what was there must still be.
func (d *difference) output(path string, was, is *schema.Props) {
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		old, at := was.Properties[name], path+"."+name
		now, kept := is.Properties[name]
		switch {
		case !kept:
			d.add(at, "the field is gone")
		case d.sameType(at, &old, &now):
			d.output(at, &old, &now)
		}
	}
}

// Words joins breaks into one text, each on a line of its own.
func Words(breaks []Break) string {
	lines := make([]string, 0, len(breaks))
	for _, b := range breaks {
		lines = append(lines, "  - "+b.String())
	}
	return strings.Join(lines, "\n")
}
