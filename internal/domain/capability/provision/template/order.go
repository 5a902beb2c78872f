package template

import (
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
)

// ordered sorts resources so that each comes after those it needs, and else in
// the order in which they were written.
func ordered(resources []*resource) ([]*resource, error) {
	walk := &walk{by: make(map[string]*resource, len(resources)), state: map[string]mark{}}
	for _, each := range resources {
		walk.by[each.id] = each
	}
	for _, each := range resources {
		if err := walk.visit(each.id); err != nil {
			return nil, err
		}
	}
	return walk.done, nil
}

// mark says how far a resource was visited.
type mark int

const (
	unseen mark = iota
	open
	closed
)

// walk is a depth-first search.
type walk struct {
	by    map[string]*resource
	state map[string]mark
	path  []string
	done  []*resource
}

func (w *walk) visit(id string) error {
	switch w.state[id] {
	case unseen:
	case closed:
		return nil
	case open:
		w.path = append(w.path, id)
		for w.path[0] != id {
			w.path = w.path[1:]
		}
		return expression.FaultError{
			Field:   fmt.Sprintf("%s.resources[%s]", field, id),
			Message: fmt.Sprintf("waits for itself, by %s: take one of these dependencies out", strings.Join(w.path, " -> ")),
		}
	}
	w.state[id], w.path = open, append(w.path, id)
	for _, need := range w.by[id].needs {
		if err := w.visit(need); err != nil {
			return err
		}
	}
	w.state[id], w.path = closed, w.path[:len(w.path)-1]
	w.done = append(w.done, w.by[id])
	return nil
}
