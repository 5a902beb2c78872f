package migrate

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// quoted is a CEL string.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + "'"
}

// and joins conditions; none is true.
func and(conditions ...string) string { return join(conditions, " && ", "true") }

// or joins conditions; none is false.
func or(conditions ...string) string { return join(conditions, " || ", "false") }

func join(conditions []string, operator, none string) string {
	conditions = slices.DeleteFunc(slices.Clone(conditions), func(c string) bool { return c == none || c == "" })
	switch len(conditions) {
	case 0:
		return none
	case 1:
		return conditions[0]
	}
	for i, condition := range conditions {
		conditions[i] = "(" + condition + ")"
	}
	return strings.Join(conditions, operator)
}

// globs tells whether a text is one of the patterns with wildcards.
func globs(text string, patterns []string) string {
	var plain, some []string
	for _, glob := range patterns {
		if strings.ContainsAny(glob, "*?") {
			some = append(some, text+".matches("+quoted(globPattern(glob))+")")
		} else {
			plain = append(plain, quoted(glob))
		}
	}
	switch {
	case len(plain) == 1:
		some = append(some, text+" == "+plain[0])
	case len(plain) > 1:
		some = append(some, text+" in ["+strings.Join(plain, ", ")+"]")
	}
	return or(some...)
}

// globPattern is a pattern with wildcards as an anchored regular expression.
func globPattern(glob string) string {
	return "^" + strings.NewReplacer(`\*`, `(?s:.*)`, `\?`, `(?s:.)`).Replace(regexp.QuoteMeta(glob)) + "$"
}

// identifier is a name that CEL selects by a dot.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are CEL's words.
var reserved = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
	"namespace", "null", "package", "return", "true", "var", "void", "while",
}

// field selects a field of a map.
func field(of, name string) string {
	if identifier.MatchString(name) && !slices.Contains(reserved, name) {
		return of + "." + name
	}
	return of + "[" + quoted(name) + "]"
}

// optional selects a field that may be absent, of something that may be.
func optional(of, name string) string {
	if identifier.MatchString(name) && !slices.Contains(reserved, name) {
		return of + ".?" + name
	}
	return of + "[?" + quoted(name) + "]"
}

// present tells whether a map has a field.
func present(of, name string) string {
	if identifier.MatchString(name) && !slices.Contains(reserved, name) {
		return "has(" + of + "." + name + ")"
	}
	return quoted(name) + " in " + of
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// number is a number as CEL writes it.
func number(value any) (string, bool) {
	switch value := value.(type) {
	case int64:
		return strconv.FormatInt(value, 10), true
	case float64:
		text := strconv.FormatFloat(value, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text, true
	}
	return "", false
}
