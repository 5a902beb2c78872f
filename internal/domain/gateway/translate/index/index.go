// Package index keeps what follows from thousands of objects up to date while single
// ones of them change.
package index

import (
	"iter"
	"maps"
	"slices"
)

// Users says who uses what. The zero value is empty. It is not safe for concurrent use.
type Users[K, U comparable] struct {
	of   map[K]map[U]bool
	uses map[U]map[K]bool
}

// Set says what a user uses from now on: those keys and no others. The map MUST not
// change afterwards; nil is for users that are gone.
func (x *Users[K, U]) Set(user U, keys map[K]bool) {
	if x.of == nil {
		x.of, x.uses = map[K]map[U]bool{}, map[U]map[K]bool{}
	}
	for key := range x.uses[user] {
		if keys[key] {
			continue
		}
		delete(x.of[key], user)
		if len(x.of[key]) == 0 {
			delete(x.of, key)
		}
	}
	for key := range keys {
		if x.of[key] == nil {
			x.of[key] = map[U]bool{}
		}
		x.of[key][user] = true
	}
	if len(keys) == 0 {
		delete(x.uses, user)
		return
	}
	x.uses[user] = keys
}

// Of yields the users of a key, in no order.
func (x *Users[K, U]) Of(key K) iter.Seq[U] { return maps.Keys(x.of[key]) }

// Count is how many use a key.
func (x *Users[K, U]) Count(key K) int { return len(x.of[key]) }

// Put returns a sorted list with an element in it, in place of one that is equal. The
// list stays as it is unless it is the caller's own.
func Put[T any](list []T, element T, compare func(a, b T) int) []T {
	at, found := slices.BinarySearchFunc(list, element, compare)
	if found {
		list[at] = element
		return list
	}
	return slices.Insert(list, at, element)
}

// Take returns a sorted list without an element that is equal.
func Take[T any](list []T, element T, compare func(a, b T) int) []T {
	at, found := slices.BinarySearchFunc(list, element, compare)
	if !found {
		return list
	}
	return slices.Delete(list, at, at+1)
}
