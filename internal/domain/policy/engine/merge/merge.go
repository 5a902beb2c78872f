// Package merge carries changes of an object over to another spelling of it, and
// finds what knows how to merge lists. It
// is pure.
package merge

import (
	"maps"
	"reflect"
)

// Clone copies maps and lists. Unlike Kubernetes' own it panics at nothing.
func Clone(value any) any {
	switch held := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(held))
		for key, one := range held {
			copied[key] = Clone(one)
		}
		return copied
	case []any:
		copied := make([]any, len(held))
		for i, one := range held {
			copied[i] = Clone(one)
		}
		return copied
	}
	return value
}

// Carry applies what changed from before to after to an object that says the
// same as before in other words: without the fields that Go types always write,
// and with quantities as their author spelled them. The result shares what did
// not change with the object.
func Carry(object, before, after any) any {
	if reflect.DeepEqual(before, after) {
		return object
	}
	switch changed := after.(type) {
	case map[string]any:
		return carryMap(object, before, changed)
	case []any:
		return carryList(object, before, changed)
	}
	return after
}

func carryMap(object, before any, after map[string]any) any {
	was, wasMap := before.(map[string]any)
	is, isMap := object.(map[string]any)
	if !wasMap || !isMap {
		return Clone(after)
	}
	carried := maps.Clone(is)
	for key := range was {
		if _, kept := after[key]; !kept {
			delete(carried, key)
		}
	}
	for key, value := range after {
		old, had := was[key]
		if had && reflect.DeepEqual(old, value) {
			continue
		}
		carried[key] = Carry(is[key], old, value)
	}
	return carried
}

func carryList(object, before any, after []any) any {
	was, wasList := before.([]any)
	is, isList := object.([]any)
	if !wasList || !isList || len(was) != len(is) {
		return Clone(after)
	}
	carried := make([]any, len(after))
	for i, value := range after {
		if i < len(was) {
			carried[i] = Carry(is[i], was[i], value)
		} else {
			carried[i] = Clone(value)
		}
	}
	return carried
}
