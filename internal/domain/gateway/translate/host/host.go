// Package host compares host names as listeners and routes have them: a name,
// "*.name" for all below it, or nothing for all.
package host

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// covers says whether a pattern, a name or "*.name" or "" for all, answers to all
// that other stands for.
func covers(pattern, other string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	switch {
	case pattern == "" || pattern == other:
		return true
	case !wild || other == "":
		return false
	}
	return len(strings.TrimPrefix(other, "*")) > len(suffix) && strings.HasSuffix(other, suffix)
}

// Overlap is the narrower of two patterns of which one covers the other.
func Overlap(a, b string) (string, bool) {
	switch {
	case covers(a, b):
		return b, true
	case covers(b, a):
		return a, true
	}
	return "", false
}

// Allowed are the names that a listener lets a route have; ok is false where there
// is none. Empty means all that the listener answers to.
func Allowed(listener string, route []gatewayv1.Hostname) (allowed []string, ok bool) {
	if len(route) == 0 {
		if listener == "" {
			return nil, true
		}
		return []string{listener}, true
	}
	for _, name := range route {
		if common, ok := Overlap(listener, strings.ToLower(string(name))); ok {
			allowed = append(allowed, common)
		}
	}
	return allowed, len(allowed) > 0
}

// Set is the names of many routes. The zero value is empty.
type Set struct {
	all bool
	// names has each name and each pattern; above what patterns could be that cover
	// one of those.
	names, above map[string]bool
}

// Add puts names in; none means all.
func (s *Set) Add(names []string) {
	if s.names == nil {
		s.names, s.above = map[string]bool{}, map[string]bool{}
	}
	s.all = s.all || len(names) == 0
	for _, name := range names {
		s.all = s.all || name == ""
		s.names[name] = true
		for pattern := range patterns(name) {
			s.above[pattern] = true
		}
	}
}

// Overlaps says whether one of the names, or where there are none any, is among the
// set's.
func (s *Set) Overlaps(names []string) bool {
	if len(s.names) == 0 || len(names) == 0 {
		return s.all || len(s.names) > 0
	}
	return s.all || slices.ContainsFunc(names, func(name string) bool {
		return name == "" || s.names[name] || s.above[name] || s.coversOne(name)
	})
}

func (s *Set) coversOne(name string) bool {
	for pattern := range patterns(name) {
		if s.names[pattern] {
			return true
		}
	}
	return false
}

// patterns yields those that cover a name, or a pattern, and are not the same.
func patterns(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		rest := strings.TrimPrefix(name, "*")
		for i := 1; i < len(rest); i++ {
			if rest[i] == '.' && !yield("*"+rest[i:]) {
				return
			}
		}
	}
}
