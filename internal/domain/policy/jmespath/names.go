package jmespath

import (
	"maps"
	"slices"
)

// Names are the keys of the data that a query may read, sorted.
type Names struct {
	// Plain are written without quotes.
	Plain []string
	// Quoted are in double quotes only. Some of them may have been meant as text.
	Quoted []string
	// Whole tells that the query may read all of the data, as "keys(@)" does.
	Whole bool
}

// Names returns what the query may read.
func (q *Query) Names() Names {
	all := reads{quoted: map[string]bool{}}
	all.of(q.root)
	var names Names
	for _, name := range slices.Sorted(maps.Keys(all.quoted)) {
		if all.quoted[name] {
			names.Quoted = append(names.Quoted, name)
		} else {
			names.Plain = append(names.Plain, name)
		}
	}
	names.Whole = all.whole
	return names
}

// reads collects what nodes read of the data that a query begins with.
type reads struct {
	// quoted tells of each name whether it is in quotes wherever it is read.
	quoted map[string]bool
	whole  bool
}

// of follows the nodes that see the data itself, not what others made of it.
func (r *reads) of(n node) {
	switch n := n.(type) {
	case field:
		always, known := r.quoted[n.name]
		r.quoted[n.name] = n.quoted && (always || !known)
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
