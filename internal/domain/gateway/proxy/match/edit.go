package match

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// edit makes an index from the one before. What it copies once it changes in place from
// then on, so that many changes cost little more than one.
type edit[P any] struct {
	index *index[P]
	mark  *mark
	// exact has the paths whose lists are the edit's own; ownExact and ownPatterns say
	// that the map, and the list of patterns, are.
	exact                 map[string]bool
	ownExact, ownPatterns bool
}

// mark is on the nodes that an edit made. It refers to nothing, so that a node keeps no
// index alive that is not served any more.
type mark struct{ _ byte }

// change returns the index without some routes and with others; nil where nothing is left.
func (x *index[P]) change(out, in []*Compiled[P]) *index[P] {
	if x == nil {
		x = &index[P]{prefixes: &node[P]{length: 1}}
	}
	e := &edit[P]{index: &index[P]{exact: x.exact, prefixes: x.prefixes, patterns: x.patterns}, mark: new(mark), exact: map[string]bool{}}
	for _, route := range out {
		for _, f := range route.candidates {
			e.apply(f, remove)
		}
	}
	for _, route := range in {
		for _, f := range route.candidates {
			e.apply(f, insert)
		}
	}
	if made := e.index; len(made.exact)+len(made.patterns) > 0 || !made.prefixes.empty() {
		return made
	}
	return nil
}

// change puts a candidate into a list of the edit's own, or takes it out.
type change[P any] func(list []*Found[P], f *Found[P], order func(a, b *Found[P]) int) []*Found[P]

func insert[P any](list []*Found[P], f *Found[P], order func(a, b *Found[P]) int) []*Found[P] {
	at, _ := slices.BinarySearchFunc(list, f, order)
	return slices.Insert(list, at, f)
}

func remove[P any](list []*Found[P], f *Found[P], _ func(a, b *Found[P]) int) []*Found[P] {
	if at := slices.Index(list, f); at >= 0 {
		return slices.Delete(list, at, at+1)
	}
	return list
}

func (e *edit[P]) apply(f *Found[P], do change[P]) {
	x := e.index
	switch path := f.Match.Path; {
	case path.Regexp != nil:
		if !e.ownPatterns {
			x.patterns, e.ownPatterns = slices.Clone(x.patterns), true
		}
		x.patterns = do(x.patterns, f, longest)
	case path.Exact != "":
		e.applyExact(cleaned(path.Exact), f, do)
	default:
		x.prefixes = e.own(x.prefixes)
		e.descend(x.prefixes, strings.TrimRight(cleaned(path.Prefix), "/"), 0, f, do)
	}
}

// longest sorts patterns.
func longest[P any](a, b *Found[P]) int {
	return cmp.Or(cmp.Compare(len(b.literal), len(a.literal)), precedence(a, b))
}

func (e *edit[P]) applyExact(path string, f *Found[P], do change[P]) {
	x := e.index
	if !e.ownExact {
		x.exact, e.ownExact = maps.Clone(x.exact), true
	}
	if x.exact == nil {
		x.exact = map[string][]*Found[P]{}
	}
	if !e.exact[path] {
		x.exact[path], e.exact[path] = slices.Clone(x.exact[path]), true
	}
	if x.exact[path] = do(x.exact[path], f, precedence); len(x.exact[path]) == 0 {
		delete(x.exact, path)
	}
}

// own returns a node that the edit may change.
func (e *edit[P]) own(n *node[P]) *node[P] {
	if n.mark == e.mark {
		return n
	}
	return &node[P]{children: maps.Clone(n.children), found: slices.Clone(n.found), length: n.length, mark: e.mark}
}

// descend changes the node of a prefix, below one of the edit's own whose first at bytes
// it has in common, and drops nodes that are left with nothing.
func (e *edit[P]) descend(n *node[P], prefix string, at int, f *Found[P], do change[P]) {
	if at == len(prefix) {
		n.found = do(n.found, f, precedence)
		return
	}
	element := elementAt(prefix, at)
	next := at + 1 + len(element)
	child := n.children[element]
	if child == nil {
		child = &node[P]{length: next, mark: e.mark}
	}
	child = e.own(child)
	e.descend(child, prefix, next, f, do)
	if child.empty() {
		delete(n.children, element)
		return
	}
	if n.children == nil {
		n.children = map[string]*node[P]{}
	}
	n.children[element] = child
}

func (n *node[P]) empty() bool { return len(n.found)+len(n.children) == 0 }
