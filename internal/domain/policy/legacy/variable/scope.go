package variable

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// Scope are the names that variables of a rule may begin with. A nil scope
// allows any.
type Scope map[string]bool

// The names that are always there.
const (
	Request                 = "request"
	Images                  = "images"
	Target                  = "target"
	Element                 = "element"
	ElementIndex            = "elementIndex"
	ServiceAccountName      = "serviceAccountName"
	ServiceAccountNamespace = "serviceAccountNamespace"
)

// NewScope returns a scope of the request's own names, and of more: those of
// the rule's context.
func NewScope(more ...string) Scope {
	scope := Scope{}
	for _, name := range append([]string{Request, Images, ServiceAccountName, ServiceAccountNamespace}, more...) {
		scope[name] = true
	}
	return scope
}

// With returns a scope with more names.
func (s Scope) With(names ...string) Scope {
	if s == nil {
		return nil
	}
	wider := maps.Clone(s)
	for _, name := range names {
		wider[name] = true
	}
	return wider
}

// InForeach returns a scope with the names of elements, so many levels deep.
func (s Scope) InForeach(levels int) Scope {
	names := []string{Element, ElementIndex}
	for level := range levels {
		names = append(names, fmt.Sprint(Element, level), fmt.Sprint(ElementIndex, level))
	}
	return s.With(names...)
}

// Allows checks the names that a query reads. Those in double quotes may be meant
// as text, such as the empty one in 'a || ""', and count as null if nothing has
// the name.
func (s Scope) Allows(query *jmespath.Query) error {
	if s == nil {
		return nil
	}
	for _, name := range query.Names().Plain {
		if s[name] || isWord(name) {
			continue
		}
		if strings.HasPrefix(name, Element) {
			return fmt.Errorf("{{ %s }}: %q is known within foreach only", query, name)
		}
		return fmt.Errorf("{{ %s }}: %q is not known here; define it in the rule's context, or use one of %s",
			query, name, strings.Join(slices.Sorted(maps.Keys(s)), ", "))
	}
	return nil
}

// isWord tells of names that look like JSON but are keys without backticks, as in
// "a == null". Policies that have them rely on what is not there being null.
func isWord(name string) bool { return name == "null" || name == "true" || name == "false" }

// check the variables of a text, and those inside of them.
func (s Scope) check(t text) error {
	if s == nil {
		return nil
	}
	for _, e := range t.variables() {
		if e.query != nil {
			if err := s.Allows(e.query); err != nil {
				return err
			}
			continue
		}
		if err := s.check(e.parts); err != nil {
			return err
		}
	}
	return nil
}
