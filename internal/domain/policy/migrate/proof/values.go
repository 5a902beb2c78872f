package proof

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// newGenerator reads patterns, patches and conditions for the fields and values
// that they name. Most objects are of the kinds that the rule names.
func newGenerator(around []any, kinds []policy.Served, seed uint64) *generator {
	g := &generator{random: rand.New(rand.NewPCG(seed, 1)), kinds: everyKind(), named: kinds} //nolint:gosec // made-up objects need no secrecy
	g.values = []any{"", "x", "web", "true", int64(0), int64(1), int64(5), true, false, "1Gi", "1024Mi", "100m", "nginx:latest", "registry.corp.example/app:1"}
	var whole any
	for _, tree := range around {
		if m, ok := g.skeleton(tree).(map[string]any); ok {
			g.trees = append(g.trees, m)
			whole = merged(whole, m)
		}
	}
	// Most objects have something of everything that the rule names.
	if m, ok := whole.(map[string]any); ok && len(g.trees) > 1 {
		for range len(g.trees) {
			g.trees = append(g.trees, m)
		}
	}
	return g
}

// merged is a skeleton with everything of two.
func merged(a, b any) any {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return a
		}
		made := maps.Clone(a)
		for key, value := range b {
			made[key] = merged(a[key], value)
		}
		return made
	case []any:
		b, ok := b.([]any)
		if !ok || len(b) == 0 {
			return a
		}
		if len(a) == 0 {
			return b
		}
		return []any{merged(a[0], b[0])}
	}
	one, oneIs := a.(leaf)
	other, otherIs := b.(leaf)
	switch {
	case oneIs && otherIs:
		return leaf{append(slices.Clone(one.wanted), other.wanted...)}
	case otherIs && a != nil:
		return a
	}
	return b
}

// skeleton is a pattern without anchors; values are collected on the way.
func (g *generator) skeleton(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		made := map[string]any{}
		for _, key := range cel.Keys(tree) {
			name := key
			if anchor, ok := pattern.ParseAnchor(key); ok {
				name = anchor.Key
			}
			made[name] = g.skeleton(tree[key])
		}
		return made
	case []any:
		made := make([]any, len(tree))
		for i, each := range tree {
			made[i] = g.skeleton(each)
		}
		return made
	case string:
		if tree == "*" || strings.Contains(tree, "{{") {
			return leaf{}
		}
		g.values = append(g.values, examplesOf(tree)...)
	case exactly:
		g.values = append(g.values, tree.value)
	case nil:
	default:
		g.values = append(g.values, tree)
	}
	return leaf{[]any{tree}}
}

// leaf is a place for a value, with what patterns say there; nothing is anything.
type leaf struct{ wanted []any }

// any is one of what patterns say; nil where they say nothing.
func (l leaf) any(g *generator) any {
	if len(l.wanted) == 0 {
		return nil
	}
	return l.wanted[g.random.IntN(len(l.wanted))]
}

// exactly is a value that is no pattern.
type exactly struct{ value any }

// operators are what patterns are made of besides values.
var operators = regexp.MustCompile(`[|&]|>=|<=|[<>!]`)

// examplesOf are values that are like a pattern, and close to it.
func examplesOf(wanted string) []any {
	var examples []any
	for part := range strings.SplitSeq(operators.ReplaceAllString(wanted, "|"), "|") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		examples = append(examples, strings.NewReplacer("*", "a", "?", "b").Replace(part), strings.NewReplacer("*", "", "?", "").Replace(part), part+"x")
	}
	return examples
}

// grow makes a value of a skeleton, of a type. What the type does not have is left
// out: the API server would drop it.
func (g *generator) grow(tree any, t reflect.Type) any {
	switch tree := tree.(type) {
	case map[string]any:
		if made := g.fields(tree, t); suits(made, t) {
			return made
		}
	case []any:
		inner := elements(t)
		made := []any{}
		for range []int{1, 2, 1, 3, 2, 3, 0, 6}[g.length()] {
			if len(tree) > 0 && inner != nil {
				made = append(made, g.grow(tree[g.random.IntN(len(tree))], inner))
			}
		}
		if inner != nil {
			return made
		}
	case leaf:
		return g.value(tree.any(g), t)
	}
	return g.plainOf(t)
}

// length chooses how long a list is.
func (g *generator) length() int {
	if g.exemplary {
		return g.random.IntN(3)
	}
	return g.random.IntN(8)
}

// fields are some of those that a skeleton has.
func (g *generator) fields(tree map[string]any, t reflect.Type) map[string]any {
	made := map[string]any{}
	for _, key := range cel.Keys(tree) {
		name := key
		if name == anyField {
			name = g.fieldOf(t)
		}
		if inner := below(t, name); inner != nil && (g.exemplary || g.random.IntN(6) > 0) {
			made[name] = g.grow(tree[key], inner)
		}
	}
	return made
}

// value is one that the rule wants, or any of those that were seen.
func (g *generator) value(wanted any, t reflect.Type) any {
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		list := []any{g.value(wanted, t.Elem())}
		if g.random.IntN(3) == 0 {
			list = append(list, g.plainOf(t.Elem()))
		}
		return list
	}
	var near []any
	switch wanted := wanted.(type) {
	case nil:
	case string:
		near = examplesOf(wanted)
	case exactly:
		near = []any{wanted.value}
	default:
		near = []any{wanted}
	}
	meant := g.exemplary && g.random.IntN(8) > 0 // but for a slip here and there
	for _, values := range [][]any{near, g.values} {
		values = slices.DeleteFunc(slices.Clone(values), func(v any) bool { return !suits(v, t) })
		if len(values) > 0 && (meant || g.random.IntN(2) == 0) {
			return values[g.random.IntN(len(values))]
		}
	}
	return g.plainOf(t)
}

// text is a text that the rule names, or any.
func (g *generator) text() string {
	text, _ := g.values[g.random.IntN(len(g.values))].(string)
	return text
}
