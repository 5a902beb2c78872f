package capsule

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// tree is a YAML object. What is translated is taken out of it; what remains
// is reported.
type tree = map[string]any

// take removes a field from the tree and returns it, nil if it is not there or
// not of type T. A field of another type stays, and is reported in the end.
func take[T any](from tree, field string) (value T, ok bool) {
	if value, ok = from[field].(T); ok {
		delete(from, field)
	}
	return value, ok
}

// child is the object in a field, for reading and taking from; an empty one if
// there is none.
func child(from tree, fields ...string) tree {
	for _, field := range fields {
		next, ok := from[field].(tree)
		if !ok {
			return tree{}
		}
		from = next
	}
	return from
}

// objects are the objects in a list field, by index. What is taken from them
// is taken from the tree.
func objects(from tree, field string) map[int]tree {
	list, _ := from[field].([]any)
	found := map[int]tree{}
	for i, item := range list {
		if object, ok := item.(tree); ok {
			found[i] = object
		}
	}
	return found
}

// takeStrings removes the texts from a list field and returns them; whatever
// else is in the list stays.
func takeStrings(from tree, field string) []string {
	list, _ := from[field].([]any)
	var texts []string
	for i, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
			list[i] = nil
		}
	}
	return texts
}

// inOrder are the indices of objects in their order.
func inOrder(found map[int]tree) []int { return slices.Sorted(maps.Keys(found)) }

// walk calls explain for each part of the tree that is left, in order, and for
// the parts of a part unless it is explained.
func walk(path string, value any, explain func(path string, value any) (explained bool)) {
	if explain(path, value) {
		return
	}
	for _, part := range parts(value) {
		walk(path+part.key, part.value, explain)
	}
}

// part is a field of an object or an item of a list; its key is what it adds
// to the path.
type part struct {
	key   string
	value any
}

// parts are the parts of a value in order; a text or number has none.
func parts(value any) []part {
	var found []part
	switch value := value.(type) {
	case tree:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			found = append(found, part{join("", key), value[key]})
		}
	case []any:
		for i, item := range value {
			found = append(found, part{fmt.Sprintf("[%d]", i), item})
		}
	}
	return found
}

// empty says whether nothing is left of a value.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case tree:
		return !slices.ContainsFunc(slices.Collect(maps.Values(value)), func(v any) bool { return !empty(v) })
	case []any:
		return !slices.ContainsFunc(value, func(v any) bool { return !empty(v) })
	default:
		return false
	}
}

// join adds a field to a path; a key with dots or slashes stands in brackets.
func join(path, key string) string {
	if strings.ContainsAny(key, "./[]") {
		return path + "[" + key + "]"
	}
	return path + "." + key
}

var index = regexp.MustCompile(`\[\d+\]`)

// generic is a path with its indices blanked: spec.owners[].kind.
func generic(path string) string { return index.ReplaceAllString(path, "[]") }
