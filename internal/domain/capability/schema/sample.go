package schema

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// deepest bounds how far samples go down: schemas are finite, but lists of
// lists of maps need no more to show what they are.
const deepest = 12

// Samples are count values that a schema of type object allows, the first with
// nothing but what is required, the second with everything, and the others
// with what chance, always the same, leaves in. Rules written in CEL are not
// looked at.
func Samples(props *Props, count int) []map[string]any {
	samples := make([]map[string]any, 0, count)
	for i := range count {
		value, _ := (&sampler{variant: i}).value("", props, 0).(map[string]any)
		samples = append(samples, value)
	}
	return samples
}

// Example is one value with everything in it, for documents: defaults and first
// choices rather than extremes.
func Example(props *Props) map[string]any {
	value, _ := (&sampler{variant: 1, tame: true}).value("", props, 0).(map[string]any)
	return value
}

type sampler struct {
	variant int
	tame    bool
}

// chance is a number that depends on the path and the variant alone.
func (s *sampler) chance(path string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(path))
	_, _ = sum.Write([]byte{byte(s.variant), byte(s.variant >> 8)})
	return int(sum.Sum32() >> 1)
}

func (s *sampler) value(path string, props *Props, depth int) any {
	if given, ok := s.given(path, props); ok {
		return given
	}
	switch {
	case props.XIntOrString:
		return int64(1 + s.variant)
	case props.Type == "object":
		return s.object(path, props, depth)
	case props.Type == "array":
		return s.list(path, props, depth)
	case props.Type == "string":
		return s.text(path, props)
	case props.Type == "integer":
		return int64(s.number(path, props, 1))
	case props.Type == "number":
		return s.number(path, props, 0.5)
	case props.Type == "boolean":
		return (s.chance(path)+s.variant)%2 == 0
	}
	return "any"
}

// given is a value that the schema itself names: the default or the example in
// documents, and one of the values of an enumeration.
func (s *sampler) given(path string, props *Props) (any, bool) {
	if s.tame && props.Default != nil {
		return decoded(props.Default.Raw)
	}
	if s.tame && props.Example != nil {
		return decoded(props.Example.Raw)
	}
	if len(props.Enum) == 0 {
		return nil, false
	}
	pick := 0
	if !s.tame {
		pick = (s.chance(path) + s.variant) % len(props.Enum)
	}
	return decoded(props.Enum[pick].Raw)
}

func decoded(raw []byte) (any, bool) {
	var value any
	err := utiljson.Unmarshal(raw, &value)
	return value, err == nil && value != nil
}

func (s *sampler) object(path string, props *Props, depth int) map[string]any {
	made := map[string]any{}
	if depth > deepest {
		return made
	}
	for _, name := range slices.Sorted(maps.Keys(props.Properties)) {
		child, at := props.Properties[name], path+"."+name
		if s.included(at, slices.Contains(props.Required, name)) {
			made[name] = s.value(at, &child, depth+1)
		}
	}
	if more := props.AdditionalProperties; more != nil && more.Schema != nil && s.included(path+".*", false) {
		made["key"] = s.value(path+".*", more.Schema, depth+1)
	}
	return made
}

// included says whether a field is in the sample.
func (s *sampler) included(path string, required bool) bool {
	switch {
	case required || s.variant == 1:
		return true
	case s.variant == 0:
		return false
	}
	return s.chance(path)%3 > 0
}

func (s *sampler) list(path string, props *Props, depth int) []any {
	count := 1 + s.variant%2
	if s.tame {
		count = 1
	}
	if props.MinItems != nil {
		count = max(count, int(min(*props.MinItems, 8)))
	}
	if props.MaxItems != nil {
		count = min(count, int(*props.MaxItems))
	}
	made := make([]any, 0, count)
	if props.Items == nil || props.Items.Schema == nil || depth > deepest {
		return made
	}
	for i := range count {
		made = append(made, s.value(path+"["+string(rune('0'+i%10))+"]", props.Items.Schema, depth+1))
	}
	return made
}

// number is within the bounds, at one of them in every third variant each.
func (s *sampler) number(path string, props *Props, step float64) float64 {
	low, high := 1.0, 100.0
	if props.Minimum != nil {
		low = *props.Minimum
		if props.ExclusiveMinimum {
			low += step
		}
		high = max(high, low)
	}
	if props.Maximum != nil {
		high = *props.Maximum
		if props.ExclusiveMaximum {
			high -= step
		}
		low = min(low, high)
	}
	value := low
	switch {
	case s.tame:
	case s.variant%3 == 1:
		value = high
	case s.variant%3 == 2:
		value = low + math.Floor((high-low)*float64(s.chance(path)%100)/100)
	}
	if multiple := props.MultipleOf; multiple != nil && *multiple > 0 {
		value = math.Ceil(low / *multiple) * *multiple
	}
	return value
}
