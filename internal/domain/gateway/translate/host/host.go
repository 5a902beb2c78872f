// Package host compares host names as listeners and routes have them: a name,
// "*.name" for all below it, or nothing for all.
package host

import (
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

// OverlapAny says whether two lists of host names have a name in common; an empty
// list has all.
func OverlapAny(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	for _, x := range a {
		for _, y := range b {
			if _, ok := Overlap(x, y); ok {
				return true
			}
		}
	}
	return false
}
