// Package cel writes expressions of CEL as text: names, fields, strings and how
// conditions are joined. What it writes parses; whether it compiles, its callers
// have to know.
package cel

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Quoted is a CEL string.
func Quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + "'"
}

// And joins conditions; none is true.
func And(conditions ...string) string { return join(conditions, " && ", "true", "false") }

// Or joins conditions; none is false.
func Or(conditions ...string) string { return join(conditions, " || ", "false", "true") }

// join leaves out what does not decide; what does decides alone.
func join(conditions []string, operator, none, decides string) string {
	if slices.Contains(conditions, decides) {
		return decides
	}
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

// Not is the opposite of a condition.
func Not(condition string) string {
	switch condition {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	return "!(" + condition + ")"
}

// Globs tells whether a text is one of the patterns with wildcards.
func Globs(text string, patterns []string) string {
	var plain, some []string
	for _, glob := range patterns {
		if strings.ContainsAny(glob, "*?") {
			some = append(some, text+".matches("+Quoted(globPattern(glob))+")")
		} else {
			plain = append(plain, Quoted(glob))
		}
	}
	switch {
	case len(plain) == 1:
		some = append(some, text+" == "+plain[0])
	case len(plain) > 1:
		some = append(some, text+" in ["+strings.Join(plain, ", ")+"]")
	}
	return Or(some...)
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

func selects(name string) bool {
	return identifier.MatchString(name) && !slices.Contains(reserved, name)
}

// Field selects a field of a map.
func Field(of, name string) string {
	if selects(name) {
		return of + "." + name
	}
	return of + "[" + Quoted(name) + "]"
}

// Optional selects a field that may be absent, of something that may be.
func Optional(of, name string) string {
	if selects(name) {
		return of + ".?" + name
	}
	return of + "[?" + Quoted(name) + "]"
}

// Present tells whether a map has a field.
func Present(of, name string) string {
	if selects(name) {
		return "has(" + of + "." + name + ")"
	}
	return Quoted(name) + " in " + of
}

// Keys are the keys of a map in their order.
func Keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Number is a number as CEL writes it.
func Number(value any) (string, bool) {
	switch value := value.(type) {
	case int:
		return strconv.Itoa(value), true
	case int64:
		return strconv.FormatInt(value, 10), true
	case float64:
		return Decimal(strconv.FormatFloat(value, 'f', -1, 64)), true
	}
	return "", false
}

// Decimal is a number with a point, as CEL writes doubles.
func Decimal(written string) string {
	if strings.Contains(written, ".") {
		return written
	}
	return written + ".0"
}

// Literal is a value of JSON; null too, which few places of CEL take. What is in
// a list or a map may be of several types.
func Literal(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "null", true
	case string:
		return Quoted(value), true
	case bool:
		return strconv.FormatBool(value), true
	case []any:
		return literals(len(value), "[", "]", func(i int) (string, any) { return "", value[i] })
	case map[string]any:
		keys := Keys(value)
		return literals(len(keys), "{", "}", func(i int) (string, any) { return Quoted(keys[i]) + ": ", value[keys[i]] })
	}
	return Number(value)
}

func literals(n int, begin, end string, at func(int) (string, any)) (string, bool) {
	parts := make([]string, n)
	for i := range parts {
		key, value := at(i)
		text, ok := Literal(value)
		if !ok {
			return "", false
		}
		if _, plain := value.(string); !plain {
			text = "dyn(" + text + ")"
		}
		parts[i] = key + text
	}
	return begin + strings.Join(parts, ", ") + end, true
}
