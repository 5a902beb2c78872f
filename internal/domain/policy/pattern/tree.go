package pattern

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Failure says why an object does not fit a pattern.
type Failure struct {
	// Path leads to what does not fit, "/spec/containers/0/image/". Empty when
	// the object could not be judged.
	Path string
	// Reason is a phrase for people.
	Reason string
	// Skip tells that a condition in the pattern is not met: the pattern does
	// not concern the object.
	Skip bool
	// Unjudged tells that the object has not the shape the pattern needs to
	// judge it, which the format calls an error rather than a failure.
	Unjudged bool
}

// Check compares an object to a pattern. It returns nil when the object fits.
func Check(object, pattern any) *Failure {
	w := walk{present: map[string]bool{}}
	found := w.element(object, pattern, "/")
	switch {
	case found == nil:
		return nil
	case found.kind.skips():
		return &Failure{Reason: found.reason, Skip: true}
	case found.kind == negation:
		return &Failure{Path: found.path, Reason: found.reason}
	case found.path == "" || w.lacksKey():
		return &Failure{Reason: found.reason, Unjudged: true}
	}
	return &Failure{Path: found.path, Reason: found.reason}
}

// mismatch is a failure on its way up the tree.
type mismatch struct {
	kind   mismatchKind
	path   string
	reason string
	// own tells that the condition stands in the map that is looked at.
	own bool
}

type mismatchKind int

const (
	ordinary mismatchKind = iota
	condition
	global
	negation
)

func (k mismatchKind) skips() bool { return k == condition || k == global }

// walk compares one object to one pattern.
type walk struct {
	// present remembers for each anchored key whether any map that was compared
	// to its pattern had it.
	present map[string]bool
}

func (w *walk) lacksKey() bool {
	for _, present := range w.present {
		if !present {
			return true
		}
	}
	return false
}

func (w *walk) element(object, pattern any, path string) *mismatch {
	switch wanted := plain(pattern).(type) {
	case map[string]any:
		found, ok := object.(map[string]any)
		if !ok {
			return failure(path, fmt.Sprintf("the pattern wants an object at %s, found %s", path, kindOf(object)))
		}
		w.note(wanted, found)
		return w.mapping(found, wanted, path)
	case []any:
		found, ok := object.([]any)
		if !ok {
			return failure(path, fmt.Sprintf("the pattern wants a list at %s, found %s", path, kindOf(object)))
		}
		return w.list(found, wanted, path)
	default:
		return leaf(object, wanted, path)
	}
}

// leaf compares each element when the object has a list where the pattern has a
// single value.
func leaf(object, pattern any, path string) *mismatch {
	elements, ok := object.([]any)
	if !ok {
		elements = []any{object}
	}
	for _, element := range elements {
		if !Value(element, pattern) {
			return failure(path, fmt.Sprintf("resource value '%v' does not match '%v' at path %s", object, pattern, path))
		}
	}
	return nil
}

// note records which keys of conditions, existence and negation there are.
func (w *walk) note(pattern, object map[string]any) {
	for key := range pattern {
		anchor, ok := ParseAnchor(key)
		if !ok || anchor.Kind != Condition && anchor.Kind != Existence && anchor.Kind != Negation {
			continue
		}
		_, has := object[anchor.Key]
		w.present[key] = w.present[key] || has
	}
}

func (w *walk) mapping(object, pattern map[string]any, path string) *mismatch {
	pattern = expand(pattern, object)
	anchored, rest := order(pattern)
	if found := w.anchored(object, pattern, anchored, path); found != nil {
		return found
	}
	for _, key := range rest {
		if found := w.field(object, key, pattern[key], path); found != nil {
			return found
		}
	}
	return nil
}

// anchored decides the anchors of a map before what they condition. A condition
// of the map itself decides about all of it; one from further down, such as a
// list none of whose elements is concerned, only where no other anchor applies.
func (w *walk) anchored(object, pattern map[string]any, keys []string, path string) *mismatch {
	var unmet *mismatch
	own, applied := false, 0
	for _, key := range keys {
		found := w.field(object, key, pattern[key], path)
		switch {
		case found == nil:
			applied++
		case found.kind.skips():
			own = own || found.own
			unmet = joined(unmet, found, path)
		case !own:
			return found
		}
	}
	if unmet != nil && (own || applied == 0) {
		return unmet
	}
	return nil
}

// joined adds an unmet condition to those before it.
func joined(unmet, next *mismatch, path string) *mismatch {
	if unmet == nil {
		return &mismatch{kind: next.kind, path: path, reason: next.reason}
	}
	unmet.reason += "; " + next.reason
	return unmet
}

// order is how the keys of a pattern are visited: anchors, conditions first, and
// then globals and what has anchors further down before the rest.
func order(pattern map[string]any) (anchored, rest []string) {
	var conditions, others, nested, plain []string
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		anchor, ok := ParseAnchor(key)
		switch {
		case ok && anchor.Kind == Condition:
			conditions = append(conditions, key)
		case ok && (anchor.Kind == Existence || anchor.Kind == Equality || anchor.Kind == Negation):
			others = append(others, key)
		case ok && anchor.Kind == Global, HasAnchor(pattern[key], constrains):
			nested = append(nested, key)
		default:
			plain = append(plain, key)
		}
	}
	slices.Reverse(nested)
	return slices.Concat(conditions, others), slices.Concat(nested, plain)
}

func (w *walk) field(object map[string]any, key string, pattern any, path string) *mismatch {
	anchor, ok := ParseAnchor(key)
	if !ok || anchor.Kind == AddIfNotPresent {
		return w.plainField(object, key, pattern, path)
	}
	value, has := object[anchor.Key]
	below := path + anchor.Key + "/"
	switch anchor.Kind {
	case Condition:
		if !has {
			return &mismatch{condition, below, "conditional anchor mismatch: the resource has no " + anchor.Key, true}
		}
		return as(condition, w.element(value, pattern, below))
	case Global:
		if !has {
			return nil
		}
		return as(global, w.element(value, pattern, below))
	case Negation:
		if has {
			return &mismatch{kind: negation, path: below, reason: below + " is not allowed"}
		}
		return nil
	case Existence:
		return w.existence(value, has, pattern, below)
	default:
		if !has {
			return nil
		}
		return w.element(value, pattern, below)
	}
}

// as turns what is wrong below a condition into an unmet condition.
func as(kind mismatchKind, found *mismatch) *mismatch {
	if found == nil {
		return nil
	}
	word := "conditional"
	if kind == global {
		word = "global"
	}
	return &mismatch{kind, found.path, word + " anchor mismatch: " + found.reason, kind == condition}
}

func (w *walk) plainField(object map[string]any, key string, pattern any, path string) *mismatch {
	value := object[key]
	if pattern != any("*") {
		return w.element(value, pattern, path+key+"/")
	}
	if value == nil {
		return failure(path, fmt.Sprintf("%s%s not found", path, key))
	}
	return nil
}

// existence wants each element of the pattern to fit one element of the list.
func (w *walk) existence(value any, has bool, pattern any, path string) *mismatch {
	if !has {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		return failure(path, "the anchor ^() wants a list at "+path+", found "+kindOf(value))
	}
	wanted, ok := pattern.([]any)
	if !ok {
		return failure(path, "the anchor ^() wants a list as its pattern, found "+kindOf(pattern))
	}
	for _, element := range wanted {
		if _, ok := element.(map[string]any); !ok {
			return failure(path, "the anchor ^() wants objects in its pattern, found "+kindOf(element))
		}
		if !w.exists(list, element, path) {
			return failure(path, "existence anchor validation failed at path "+path)
		}
	}
	return nil
}

func (w *walk) exists(list []any, pattern any, path string) bool {
	for i, element := range list {
		if w.element(element, pattern, path+strconv.Itoa(i)+"/") == nil {
			return true
		}
	}
	return false
}

// list compares by what the pattern's first element is: a map is for every
// element of the object, a value too, and lists are compared one by one.
func (w *walk) list(object, pattern []any, path string) *mismatch {
	if len(pattern) == 0 {
		return failure(path, "the list in the pattern is empty")
	}
	switch first := pattern[0].(type) {
	case map[string]any:
		return w.every(object, func(int) any { return first }, path)
	case []any:
		if len(object) < len(pattern) {
			return failure("", fmt.Sprintf("the pattern has %d lists at %s, the resource %d", len(pattern), path, len(object)))
		}
		return w.every(object[:len(pattern)], func(i int) any { return pattern[i] }, path)
	default:
		return w.element(object, first, path)
	}
}

// every compares each element to its pattern. Elements whose condition is not
// met are left out; when that leaves none, the list's condition is not met.
func (w *walk) every(object []any, pattern func(int) any, path string) *mismatch {
	applied := 0
	var skipped *mismatch
	for i, element := range object {
		found := w.element(element, pattern(i), path+strconv.Itoa(i)+"/")
		switch {
		case found == nil:
			applied++
		case !found.kind.skips():
			return found
		default:
			skipped = joined(skipped, found, path)
		}
	}
	if applied > 0 {
		return nil
	}
	return skipped
}

func failure(path, reason string) *mismatch { return &mismatch{path: path, reason: reason} }

// kindOf names a JSON type for people.
func kindOf(value any) string {
	switch plain(value).(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	default:
		return "a number"
	}
}
