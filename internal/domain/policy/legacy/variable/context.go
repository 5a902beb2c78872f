package variable

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// Context is what variables are filled in from: named values in layers. Adding a
// name gives a new Context and leaves the old one as it was, so that going back
// to a checkpoint is to use the Context of then.
type Context struct {
	env    jmespath.Env
	parent *Context
	name   string
	// load gives the value. Loading happens once, whoever asks.
	load func() (any, error)
}

// NewContext returns an empty context. Expressions that it evaluates take time
// and chance from env.
func NewContext(env jmespath.Env) *Context { return &Context{env: env} }

// With returns a context in which name stands for value, which must not change
// any more.
func (c *Context) With(name string, value any) *Context {
	return c.layer(name, func() (any, error) { return value, nil })
}

// WithLazy returns a context in which name stands for what load returns. It is
// called when an expression first names it, at most once, and is given the
// context below: what was defined before the name.
func (c *Context) WithLazy(name string, load func(*Context) (any, error)) *Context {
	return c.layer(name, sync.OnceValues(func() (any, error) { return load(c) }))
}

func (c *Context) layer(name string, load func() (any, error)) *Context {
	return &Context{env: c.env, parent: c, name: name, load: load}
}

// WithPath returns a context in which the value at a path, as SplitPath reads it,
// is another one. What is beside it stays.
func (c *Context) WithPath(path string, value any) *Context {
	names := SplitPath(path)
	if len(names) == 1 {
		return c.With(names[0], value)
	}
	return c.WithLazy(names[0], func(below *Context) (any, error) {
		former, _, err := below.lookup(names[0])
		if err != nil {
			return nil, err
		}
		return overlaid(former, names[1:], value), nil
	})
}

// SplitPath cuts a path such as request.object.metadata.labels."example.com/a"
// at its dots, but for those within double quotes, which are dropped. It gives
// one name at least.
func SplitPath(path string) []string {
	names, quoted := []string{""}, false
	for _, character := range path {
		switch {
		case character == '"':
			quoted = !quoted
		case character == '.' && !quoted:
			names = append(names, "")
		default:
			names[len(names)-1] += string(character)
		}
	}
	return names
}

// overlaid returns a copy of a tree with another value at the path.
func overlaid(tree any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	object, _ := tree.(map[string]any)
	changed := maps.Clone(object)
	if changed == nil {
		changed = map[string]any{}
	}
	changed[path[0]] = overlaid(changed[path[0]], path[1:], value)
	return changed
}

// WithElement returns a context for one element of a foreach: element and
// elementIndex, and with the nesting as suffix, from 0, for use further inside.
func (c *Context) WithElement(element any, index, nesting int) *Context {
	suffix, position := strconv.Itoa(nesting), int64(index)
	return c.With(Element, element).With(ElementIndex, position).
		With(Element+suffix, element).With(ElementIndex+suffix, position)
}

// lookup finds the newest value of a name.
func (c *Context) lookup(name string) (value any, found bool, err error) {
	for layer := c; layer != nil; layer = layer.parent {
		if layer.load == nil || layer.name != name {
			continue
		}
		if value, err = layer.load(); errors.Is(err, errNone) {
			return nil, false, nil
		}
		return value, err == nil, err
	}
	return nil, false, nil
}

// errNone says that there is nothing by the name after all.
var errNone = errors.New("nothing by this name")

// Search compiles and evaluates an expression.
func (c *Context) Search(expression string) (any, error) {
	query, err := jmespath.Compile(expression)
	if err != nil {
		return nil, err
	}
	return c.Query(query)
}

// Query evaluates an expression, and loads what it names. A key that is not
// there gives an error that satisfies jmespath.IsNotFound.
func (c *Context) Query(query *jmespath.Query) (any, error) {
	read := query.Names()
	names := slices.Concat(read.Plain, read.Quoted)
	if read.Whole {
		names = c.names()
	}
	data := make(map[string]any, len(names))
	for _, name := range names {
		value, found, err := c.lookup(name)
		if err != nil {
			return nil, fmt.Errorf("loading %q: %w", name, err)
		}
		if found {
			data[name] = value
		}
	}
	return query.SearchIn(c.env, data)
}

// Env is what the expressions' functions use.
func (c *Context) Env() jmespath.Env { return c.env }

// names lists all names, each once.
func (c *Context) names() []string {
	known := map[string]bool{}
	var names []string
	for layer := c; layer != nil; layer = layer.parent {
		if layer.load != nil && !known[layer.name] {
			known[layer.name] = true
			names = append(names, layer.name)
		}
	}
	return names
}

// at returns the value at a path of the target, or else of the request's object.
func (c *Context) at(path []string) (any, error) {
	value, found, err := c.lookup(Target)
	if err == nil && !found {
		value, err = c.Search("request.object")
	}
	if err != nil {
		return nil, err
	}
	for _, step := range path {
		switch branch := value.(type) {
		case map[string]any:
			key := withoutAnchor(step)
			if value, found = branch[key]; !found {
				return nil, &jmespath.NotFoundError{Key: key}
			}
		case []any:
			value = elementAt(branch, step)
		default:
			return nil, nil
		}
	}
	return value, nil
}

// elementAt is nil where a list has no such element.
func elementAt(list []any, step string) any {
	position, err := strconv.Atoi(step)
	if err != nil || position < 0 || position >= len(list) {
		return nil
	}
	return list[position]
}
