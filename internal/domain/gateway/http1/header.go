package http1

import (
	"iter"
	"slices"
)

// Field is one header field. Name is as it was sent: compare with EqualFold.
type Field struct{ Name, Value string }

// Header is the fields of a message in their order. Names are compared without
// regard to case. The zero value is an empty header.
type Header []Field

// Get returns the value of the first field of the name, or "".
func (h Header) Get(name string) string {
	for i := range h {
		if EqualFold(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Has tells whether there is a field of the name.
func (h Header) Has(name string) bool {
	for i := range h {
		if EqualFold(h[i].Name, name) {
			return true
		}
	}
	return false
}

// Values yields the values of all fields of the name, in their order.
func (h Header) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range h {
			if EqualFold(h[i].Name, name) && !yield(h[i].Value) {
				return
			}
		}
	}
}

// Add appends a field.
func (h *Header) Add(name, value string) {
	*h = append(*h, Field{name, value})
}

// Set makes value the only one of the name, at the place of the first.
func (h *Header) Set(name, value string) {
	for i := range *h {
		if !EqualFold((*h)[i].Name, name) {
			continue
		}
		(*h)[i].Value = value
		rest := (*h)[i+1:]
		kept := rest.without(name)
		clear(rest[len(kept):])
		*h = (*h)[:i+1+len(kept)]
		return
	}
	h.Add(name, value)
}

// Del removes all fields of the name.
func (h *Header) Del(name string) {
	kept := h.without(name)
	clear((*h)[len(kept):])
	*h = kept
}

// without moves the fields of other names to the front, and returns them.
func (h Header) without(name string) Header {
	kept := 0
	for i := range h {
		if EqualFold(h[i].Name, name) {
			continue
		}
		if kept != i {
			h[kept] = h[i]
		}
		kept++
	}
	return h[:kept]
}

// Clone returns a copy that shares no slice; its strings are the same.
func (h Header) Clone() Header { return slices.Clone(h) }

// EqualFold compares ASCII strings without regard to case. Bytes beyond ASCII
// are equal only to themselves, so no letter of another alphabet passes for one
// of a field's name.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if x, y := a[i], b[i]; x != y && lower(x) != lower(y) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
