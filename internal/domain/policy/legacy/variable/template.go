package variable

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Template is a JSON tree with variables.
type Template struct {
	at   string
	root node
}

// node is a part of a template. Nil stands for a tree without variables.
type node interface {
	// resolve returns the node's tree, filled in.
	resolve(in place) (any, error)
}

// place is where a node is filled in from, and its path in the object that the
// template looks like.
type place struct {
	context *Context
	at      string
	path    []string
}

// below is the place of a child.
func (p place) below(key string) place {
	p.path = append(slices.Clip(p.path), key)
	return p
}

// wrong names the place in an error.
func (p place) wrong(err error) error {
	return fmt.Errorf("at %s: %w", strings.Join(append([]string{p.at}, p.path...), "/"), err)
}

// Parse reads a tree of maps, lists and strings. Errors name the place, below
// at, which is the path of the tree within its rule, such as
// "validate/pattern"; there is one for each mistake. Names of variables are
// checked against the scope unless it is nil.
func Parse(tree any, at string, scope Scope) (*Template, error) {
	p := &parser{scope: scope}
	start := place{at: at}
	followed := p.follow(tree, tree, start)
	root := p.node(followed, start)
	if err := errors.Join(p.wrong...); err != nil {
		return nil, err
	}
	return &Template{at: at, root: root}, nil
}

// Resolve fills in the template. Errors name the place; those of a missing key
// satisfy jmespath.IsNotFound.
func (t *Template) Resolve(c *Context) (any, error) {
	return t.root.resolve(place{context: c, at: t.at})
}

// constant is a tree without variables.
type constant struct{ value any }

func (n constant) resolve(place) (any, error) { return n.value, nil }

// leaf is a string with variables.
type leaf struct{ text text }

func (n leaf) resolve(in place) (any, error) {
	value, err := n.text.resolve(in)
	if err != nil {
		return nil, in.wrong(err)
	}
	return value, nil
}

// listNode is a list with variables in it.
type listNode []node

func (n listNode) resolve(in place) (any, error) {
	list := make([]any, len(n))
	for i, element := range n {
		var err error
		if list[i], err = element.resolve(in.below(strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// entry of an object. The key as it is written is part of the path.
type entry struct {
	name  string
	key   text
	value node
}

// objectNode is an object with variables in it.
type objectNode []entry

func (n objectNode) resolve(in place) (any, error) {
	object := make(map[string]any, len(n))
	for _, e := range n {
		key, err := e.key.join(in)
		if err != nil {
			return nil, in.wrong(fmt.Errorf("key %q: %w", e.name, err))
		}
		if _, taken := object[key]; taken {
			return nil, in.wrong(fmt.Errorf("key %q becomes %q, which is there already", e.name, key))
		}
		if object[key], err = e.value.resolve(in.below(e.name)); err != nil {
			return nil, err
		}
	}
	return object, nil
}

// parser makes nodes and collects what is wrong.
type parser struct {
	scope Scope
	wrong []error
}

func (p *parser) node(tree any, at place) node {
	switch tree := tree.(type) {
	case string:
		if parsed := p.text(tree, at); len(parsed.variables()) > 0 || !isPlain(parsed, tree) {
			return leaf{parsed}
		}
	case []any:
		return p.list(tree, at)
	case map[string]any:
		return p.object(tree, at)
	}
	return constant{tree}
}

// isPlain tells whether a text reads as it is written, without escapes.
func isPlain(parsed text, source string) bool {
	plain, ok := parsed.plain()
	return ok && plain == source
}

func (p *parser) text(source string, at place) text {
	parsed, err := parseText(source)
	if err == nil {
		err = p.scope.check(parsed)
	}
	if err != nil {
		p.wrong = append(p.wrong, at.wrong(err))
	}
	return parsed
}

func (p *parser) list(tree []any, at place) node {
	nodes, changes := make(listNode, len(tree)), false
	for i, element := range tree {
		nodes[i] = p.node(element, at.below(strconv.Itoa(i)))
		_, same := nodes[i].(constant)
		changes = changes || !same
	}
	if !changes {
		return constant{tree}
	}
	return nodes
}

func (p *parser) object(tree map[string]any, at place) node {
	nodes, changes := make(objectNode, 0, len(tree)), false
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		e := entry{name: name, key: p.text(name, at), value: p.node(tree[name], at.below(name))}
		_, same := e.value.(constant)
		changes = changes || !same || !isPlain(e.key, name)
		nodes = append(nodes, e)
	}
	if !changes {
		return constant{tree}
	}
	return nodes
}
