package mutate

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// UnmetError is the error of an overlay whose conditions do not hold for the object:
// the rule does not apply.
type UnmetError struct {
	// Reason says which condition, in a phrase.
	Reason string
	// global conditions decide about the whole overlay, others about the element
	// of a list they stand in.
	global bool
}

// Error is the reason.
func (u *UnmetError) Error() string { return u.Reason }

// Overlay lays an overlay over a copy of an object of the given kind. The error
// is an *UnmetError when a condition outside of lists, or a global one, does not
// hold.
func Overlay(object, overlay map[string]any, kind schema.GroupVersionKind) (map[string]any, error) {
	result, _ := copied(object).(map[string]any)
	if result == nil {
		result = map[string]any{}
	}
	if unmet := merge(result, overlay, structOf(kind)); unmet != nil {
		return nil, unmet
	}
	return result, nil
}

// merge changes target in place. When a condition is not met, target is left
// half changed: callers work on copies.
func merge(target, overlay map[string]any, shape shape) *UnmetError {
	if unmet := conditions(target, overlay, shape); unmet != nil {
		return unmet
	}
	for _, key := range slices.Sorted(maps.Keys(overlay)) {
		if unmet := field(target, key, overlay[key], shape); unmet != nil {
			return unmet
		}
	}
	return nil
}

// conditions decides the conditions among the keys of an overlay. One that holds
// +() is met where its key is, and goes on as an overlay of it.
func conditions(target, overlay map[string]any, shape shape) *UnmetError {
	for _, key := range slices.Sorted(maps.Keys(overlay)) {
		anchor, ok := pattern.ParseAnchor(key)
		if !ok || !isCondition(anchor.Kind) {
			continue
		}
		if unmet := condition(target, anchor, overlay[key], shape); unmet != nil {
			return unmet
		}
	}
	return nil
}

func condition(target map[string]any, anchor pattern.Anchor, wanted any, shape shape) *UnmetError {
	global := anchor.Kind == pattern.Global
	found, has := target[anchor.Key]
	if !has {
		return &UnmetError{fmt.Sprintf("the object has no %q, which %s wants", anchor.Key, anchor), global}
	}
	if pattern.HasAnchor(wanted, isAddition) {
		return below(target, anchor.Key, wanted, shape)
	}
	if failure := pattern.Check(found, wanted); failure != nil {
		return &UnmetError{fmt.Sprintf("%s: %s", anchor, failure.Reason), global}
	}
	return nil
}

// field applies one key that is no condition.
func field(target map[string]any, key string, value any, shape shape) *UnmetError {
	anchor, ok := pattern.ParseAnchor(key)
	switch {
	case key == directive:
		return nil
	case !ok:
		return below(target, key, value, shape)
	case anchor.Kind != pattern.AddIfNotPresent:
		return nil
	}
	if _, has := target[anchor.Key]; has {
		return nil
	}
	return below(target, anchor.Key, value, shape)
}

// below merges a value into the key of an object.
func below(target map[string]any, key string, value any, shape shape) *UnmetError {
	switch overlay := value.(type) {
	case nil:
		delete(target, key)
	case map[string]any:
		return belowObject(target, key, overlay, shape.object(key))
	case []any:
		return belowList(target, key, overlay, shape.list(key))
	default:
		target[key] = copied(value)
	}
	return nil
}

func belowObject(target map[string]any, key string, overlay map[string]any, shape shape) *UnmetError {
	existing, ok := target[key].(map[string]any)
	switch overlay[directive] {
	case "delete":
		delete(target, key)
		return nil
	case "replace":
		existing, ok = nil, false
	}
	if !ok {
		existing = map[string]any{}
	}
	if unmet := merge(existing, overlay, shape); unmet != nil {
		return unmet
	}
	if len(existing) > 0 || ok || len(overlay) == 0 {
		target[key] = existing
	}
	return nil
}

func isCondition(kind pattern.AnchorKind) bool {
	return kind == pattern.Condition || kind == pattern.Global
}

func isAddition(kind pattern.AnchorKind) bool { return kind == pattern.AddIfNotPresent }

func isGlobal(kind pattern.AnchorKind) bool { return kind == pattern.Global }

func isAny(pattern.AnchorKind) bool { return true }
