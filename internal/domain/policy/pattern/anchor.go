package pattern

import "strings"

// AnchorKind is what an anchor around a key asks for.
type AnchorKind string

// The kinds, named by the character before the parenthesis.
const (
	Condition       AnchorKind = ""
	Equality        AnchorKind = "="
	Existence       AnchorKind = "^"
	Negation        AnchorKind = "X"
	Global          AnchorKind = "<"
	AddIfNotPresent AnchorKind = "+"
)

// Anchor is a key with parentheses around it.
type Anchor struct {
	Kind AnchorKind
	Key  string
}

// ParseAnchor reads a key of a pattern; ok is false for a plain key.
func ParseAnchor(key string) (anchor Anchor, ok bool) {
	inner, ok := strings.CutSuffix(key, ")")
	if !ok {
		return Anchor{}, false
	}
	kind, name, ok := strings.Cut(inner, "(")
	if !ok || name == "" {
		return Anchor{}, false
	}
	switch AnchorKind(kind) {
	case Condition, Equality, Existence, Negation, Global, AddIfNotPresent:
		return Anchor{Kind: AnchorKind(kind), Key: name}, true
	default:
		return Anchor{}, false
	}
}

// String is the key as it was written.
func (a Anchor) String() string { return string(a.Kind) + "(" + a.Key + ")" }

// HasAnchor tells whether a key at any depth of the pattern has an anchor for
// which wanted holds.
func HasAnchor(pattern any, wanted func(AnchorKind) bool) bool {
	switch node := pattern.(type) {
	case map[string]any:
		for key, value := range node {
			if anchor, ok := ParseAnchor(key); ok && wanted(anchor.Kind) {
				return true
			}
			if HasAnchor(value, wanted) {
				return true
			}
		}
	case []any:
		for _, value := range node {
			if HasAnchor(value, wanted) {
				return true
			}
		}
	}
	return false
}

// constrains tells whether an anchor of the kind decides on objects, rather than
// adding to them.
func constrains(kind AnchorKind) bool { return kind != AddIfNotPresent }
