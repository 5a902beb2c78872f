package pattern

import "strings"

// HasWildcard tells whether the text holds a * or a ?.
func HasWildcard(text string) bool { return strings.ContainsAny(text, "*?") }

// Match tells whether the whole name fits the glob: * stands for any characters
// or none, ? for exactly one. Its time is bounded by the product of the lengths.
func Match(glob, name string) bool {
	if !HasWildcard(glob) {
		return glob == name
	}
	return matchRunes([]rune(glob), []rune(name))
}

// matchRunes walks both at once and returns to the last star on a mismatch,
// letting that star swallow one character more.
func matchRunes(glob, name []rune) bool {
	g, n, star, swallowed := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, swallowed = g, n
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == name[n]):
			g++
			n++
		case star >= 0:
			swallowed++
			g, n = star+1, swallowed
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

// MatchAny tells whether one of the globs matches the name.
func MatchAny(globs []string, name string) bool {
	for _, glob := range globs {
		if Match(glob, name) {
			return true
		}
	}
	return false
}
