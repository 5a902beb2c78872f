package function

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/blang/semver/v4"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// text are Kyverno's functions on strings.
func text() []Function {
	scalar := String | Number
	return []Function{
		{Name: "compare", Parameters: []Types{String, String}, Result: Number, run: compareText},
		{Name: "equal_fold", Parameters: []Types{String, String}, Result: Boolean, run: affix(strings.EqualFold)},
		{Name: "replace", Parameters: []Types{String, String, String, Number}, Result: String, run: replace},
		{Name: "replace_all", Parameters: []Types{String, String, String}, Result: String, run: replaceAll},
		{Name: "to_upper", Parameters: []Types{String}, Result: String, run: changed(strings.ToUpper)},
		{Name: "to_lower", Parameters: []Types{String}, Result: String, run: changed(strings.ToLower)},
		{Name: "trim", Parameters: []Types{String, String}, Result: String, run: trimmed(strings.Trim)},
		{Name: "trim_prefix", Parameters: []Types{String, String}, Result: String, run: trimmed(strings.TrimPrefix)},
		{Name: "split", Parameters: []Types{String, String}, Result: Array, run: split},
		{Name: "truncate", Parameters: []Types{String, Number}, Result: String, run: truncate},
		{Name: "path_canonicalize", Parameters: []Types{String}, Result: String, run: changed(canonical)},
		{Name: "regex_match", Parameters: []Types{String, scalar}, Result: Boolean, run: unbound(regexMatch), bind: regexMatch},
		{Name: "regex_replace_all", Parameters: []Types{String, scalar, scalar}, Result: String, run: unbound(regexReplace), bind: regexReplace},
		{Name: "regex_replace_all_literal", Parameters: []Types{String, scalar, scalar}, Result: String, run: unbound(regexReplaceLiteral), bind: regexReplaceLiteral},
		{Name: "pattern_match", Parameters: []Types{String, scalar}, Result: Boolean, run: patternMatch},
		{Name: "semver_compare", Parameters: []Types{String, String}, Result: Boolean, run: semverCompare},
		{Name: "to_boolean", Parameters: []Types{String}, Result: Boolean, run: toBoolean},
		{Name: "random", Parameters: []Types{String}, Result: String, run: random},
	}
}

func changed(change func(string) string) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) { return limited(change(str(arguments[0]))) }
}

func trimmed(trim func(s, part string) string) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) { return trim(str(arguments[0]), str(arguments[1])), nil }
}

// compareText is -1, 0 or 1.
func compareText(_ *Env, arguments []any) (any, error) {
	return float64(cmp.Compare(str(arguments[0]), str(arguments[1]))), nil
}

// replace at most so many times; a negative count replaces all.
func replace(_ *Env, arguments []any) (any, error) {
	count, err := integer(arguments[3])
	if err != nil {
		return nil, err
	}
	return replaced(str(arguments[0]), str(arguments[1]), str(arguments[2]), count)
}

func replaceAll(_ *Env, arguments []any) (any, error) {
	return replaced(str(arguments[0]), str(arguments[1]), str(arguments[2]), -1)
}

func replaced(s, old, replacement string, count int) (any, error) {
	times := strings.Count(s, old)
	if count >= 0 {
		times = min(times, count)
	}
	if size := len(s) + times*(len(replacement)-len(old)); size > MaxText {
		return nil, tooLong(size)
	}
	return strings.Replace(s, old, replacement, count), nil
}

func split(_ *Env, arguments []any) (any, error) {
	parts := []any{}
	for part := range strings.SplitSeq(str(arguments[0]), str(arguments[1])) {
		parts = append(parts, part)
	}
	return parts, nil
}

// truncate to so many characters.
func truncate(_ *Env, arguments []any) (any, error) {
	most := number(arguments[1])
	characters := []rune(str(arguments[0]))
	if most >= float64(len(characters)) {
		return str(arguments[0]), nil
	}
	return string(characters[:max(0, int(most))]), nil
}

// canonical leaves an empty path empty.
func canonical(name string) string { return path.Join(name) }

// scalarText is a string or a number as text.
func scalarText(argument any) string {
	if n, ok := value.Number(argument); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return str(argument)
}

// implementation of a function.
type implementation = func(*Env, []any) (any, error)

// unbound makes a function of one that is bound to its first argument.
func unbound(bind func(first string) (implementation, error)) implementation {
	return func(env *Env, arguments []any) (any, error) {
		run, err := bind(str(arguments[0]))
		if err != nil {
			return nil, err
		}
		return run(env, arguments)
	}
}

func compiled(expression string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("argument 1 is not a regular expression: %w", err)
	}
	return re, nil
}

func regexMatch(expression string) (implementation, error) {
	re, err := compiled(expression)
	return func(_ *Env, arguments []any) (any, error) {
		return re.MatchString(scalarText(arguments[1])), nil
	}, err
}

// regexReplace understands $1 and ${name} in the replacement.
func regexReplace(expression string) (implementation, error) {
	re, err := compiled(expression)
	return func(_ *Env, arguments []any) (any, error) {
		return substituted(re, scalarText(arguments[1]), scalarText(arguments[2]), false)
	}, err
}

func regexReplaceLiteral(expression string) (implementation, error) {
	re, err := compiled(expression)
	return func(_ *Env, arguments []any) (any, error) {
		return substituted(re, scalarText(arguments[1]), scalarText(arguments[2]), true)
	}, err
}

func substituted(re *regexp.Regexp, source, replacement string, literal bool) (any, error) {
	var result []byte
	rest := 0
	for _, match := range re.FindAllStringSubmatchIndex(source, -1) {
		result = append(result, source[rest:match[0]]...)
		rest = match[1]
		if literal {
			result = append(result, replacement...)
		} else {
			result = re.ExpandString(result, replacement, source, match)
		}
		if len(result) > MaxText {
			return nil, tooLong(len(result))
		}
	}
	return limited(string(append(result, source[rest:]...)))
}

func patternMatch(_ *Env, arguments []any) (any, error) {
	return pattern.Match(str(arguments[0]), scalarText(arguments[1])), nil
}

// semverCompare tells whether a version is in a range. What is no version
// counts as 0.0.0, as policies that compare tags rely on.
func semverCompare(_ *Env, arguments []any) (any, error) {
	within, err := semver.ParseRange(str(arguments[1]))
	if err != nil {
		return nil, fmt.Errorf("argument 2 is not a range of versions: %w", err)
	}
	version, err := semver.Parse(str(arguments[0]))
	if err != nil {
		version = semver.Version{}
	}
	return within(version), nil
}

// toBoolean understands true and false in any case.
func toBoolean(_ *Env, arguments []any) (any, error) {
	switch strings.ToLower(str(arguments[0])) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return nil, fmt.Errorf("%q is neither true nor false", str(arguments[0]))
	}
}
