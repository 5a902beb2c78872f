package mutate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// directive is the key that says what to do with the object it stands in.
const directive = "$patch"

// belowList merges an overlay's list into the list below a key.
func belowList(target map[string]any, key string, overlay []any, shape listShape) *UnmetError {
	existing, _ := target[key].([]any)
	if word, rest := listDirective(overlay); word != "" {
		delete(target, key)
		if word == "delete" {
			return nil
		}
		existing, overlay = nil, rest
	}
	m := merger{elements: existing, shape: shape.forElements(existing, overlay)}
	if m.replaces(overlay) {
		m.elements, m.shape.merges = nil, false
	}
	for _, element := range overlay {
		if unmet := m.element(element); unmet != nil {
			return unmet
		}
	}
	result := slices.Concat(m.added, m.elements)
	if _, has := target[key]; has || len(result) > 0 || len(overlay) == 0 {
		target[key] = result
	}
	return nil
}

// listDirective finds an element that holds nothing but a directive for the list.
func listDirective(overlay []any) (string, []any) {
	for i, element := range overlay {
		object, ok := element.(map[string]any)
		word, isText := object[directive].(string)
		if ok && isText && len(object) == 1 && (word == "replace" || word == "delete") {
			return word, slices.Delete(slices.Clone(overlay), i, i+1)
		}
	}
	return "", overlay
}

// merger merges elements into a list, one after the other.
type merger struct {
	shape listShape
	// elements of the object's list, changed in their place.
	elements []any
	// added elements go in front, in the order of the overlay.
	added []any
}

// replaces tells whether the overlay's list stands for the whole list: it is not
// one that merges, and an element has no anchor that relates it to the others.
func (m *merger) replaces(overlay []any) bool {
	if m.shape.merges {
		return false
	}
	return len(overlay) == 0 || slices.ContainsFunc(overlay, func(element any) bool { return !pattern.HasAnchor(element, isAny) })
}

func (m *merger) element(element any) *UnmetError {
	overlay, ok := element.(map[string]any)
	if !ok {
		m.value(element)
		return nil
	}
	identity, named := overlay[m.shape.key]
	glob, isText := identity.(string)
	switch {
	case !pattern.HasAnchor(overlay, isAny):
		return m.identified(overlay, identity, named)
	case named && (!isText || !pattern.HasWildcard(glob)):
		return m.identified(overlay, identity, named)
	default:
		return m.each(overlay, glob)
	}
}

// value adds a value that is no object, unless a merging list has it.
func (m *merger) value(value any) {
	same := func(other any) bool { return equal(value, other) }
	if m.shape.merges && (slices.ContainsFunc(m.elements, same) || slices.ContainsFunc(m.added, same)) {
		return
	}
	if value != nil {
		m.added = append(m.added, copied(value))
	}
}

// identified merges an element into the one of the same key, or adds it.
func (m *merger) identified(overlay map[string]any, identity any, named bool) *UnmetError {
	at := -1
	if named && m.shape.merges {
		at = slices.IndexFunc(m.elements, func(other any) bool {
			object, ok := other.(map[string]any)
			return ok && equal(object[m.shape.key], identity)
		})
	}
	word := overlay[directive]
	if at >= 0 && word == "delete" {
		m.elements = slices.Delete(slices.Clone(m.elements), at, at+1)
		return nil
	}
	if word == "delete" {
		return nil
	}
	base := map[string]any{}
	if at >= 0 && word != "replace" {
		base, _ = copied(m.elements[at]).(map[string]any)
	}
	if unmet := merge(base, overlay, m.shape.element); unmet != nil {
		return globalOnly(unmet)
	}
	if at >= 0 {
		m.elements[at] = base
	} else if len(base) > 0 {
		m.added = append(m.added, base)
	}
	return nil
}

// each applies an element with anchors to every element of the list for which
// its conditions hold. Global conditions must hold for one of them.
func (m *merger) each(overlay map[string]any, glob string) *UnmetError {
	var unmet *UnmetError
	applied := false
	for i, element := range m.elements {
		changed, refused := m.apply(element, overlay, glob)
		if refused != nil {
			unmet = refused
			continue
		}
		m.elements[i], applied = changed, true
	}
	switch {
	case applied || !pattern.HasAnchor(overlay, isGlobal):
		return nil
	case unmet == nil:
		return &UnmetError{"the list has no element for a global condition", true}
	default:
		return globalOnly(unmet)
	}
}

func (m *merger) apply(element any, overlay map[string]any, glob string) (any, *UnmetError) {
	base, ok := copied(element).(map[string]any)
	if !ok {
		return nil, &UnmetError{"the element is no object", false}
	}
	if glob != "" {
		name, isText := base[m.shape.key].(string)
		if !isText || !pattern.Match(glob, name) {
			return nil, &UnmetError{fmt.Sprintf("%v is not %s", base[m.shape.key], glob), false}
		}
		overlay = without(overlay, m.shape.key)
	}
	if unmet := merge(base, overlay, m.shape.element); unmet != nil {
		return nil, unmet
	}
	return base, nil
}

// globalOnly forgets a condition that decides about one element.
func globalOnly(unmet *UnmetError) *UnmetError {
	if unmet != nil && unmet.global {
		return unmet
	}
	return nil
}

// AsUnmet finds the condition that an error of Overlay is about.
func AsUnmet(err error) (*UnmetError, bool) {
	var unmet *UnmetError
	ok := errors.As(err, &unmet)
	return unmet, ok
}
