package jmespath

import (
	"maps"
	"slices"
)

// Names returns the keys of the data that the query may read, sorted. With whole
// it may read all of it, as "keys(@)" does.
func (q *Query) Names() (names []string, whole bool) {
	all := reads{names: map[string]bool{}}
	all.of(q.root)
	return slices.Sorted(maps.Keys(all.names)), all.whole
}

// reads collects what nodes read of the data that a query begins with.
type reads struct {
	names map[string]bool
	whole bool
}

// of follows the nodes that see the data itself, not what others made of it.
func (r *reads) of(n node) {
	switch n := n.(type) {
	case field:
		r.names[n.name] = true
	case identity, index, slice:
		r.whole = true
	case subexpression:
		r.first(n.left, n.right)
	case piped:
		r.first(n.left, n.right)
	case projection:
		r.of(n.left)
	case valueProjection:
		r.of(n.left)
	case filterProjection:
		r.of(n.left)
	case flattening:
		r.of(n.left)
	case disjunction:
		r.all(n.left, n.right)
	case conjunction:
		r.all(n.left, n.right)
	case comparison:
		r.all(n.left, n.right)
	case negation:
		r.of(n.operand)
	case multiSelectList:
		r.all(n.elements...)
	case multiSelectHash:
		r.all(n.values...)
	case call:
		r.all(n.arguments...)
	}
}

func (r *reads) all(nodes ...node) {
	for _, n := range nodes {
		r.of(n)
	}
}

// first follows the left node; the right one sees what that made, which is the
// data itself behind "@".
func (r *reads) first(left, right node) {
	if _, ok := left.(identity); ok {
		r.of(right)
		return
	}
	r.of(left)
}
