package migrate

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// patternOf rewrites a pattern as an expression over object.
func patternOf(raw *kyvernov1.JSON) (string, error) {
	tree, err := raw.Value()
	if err != nil {
		return "", err
	}
	w := &writer{}
	return w.value("object", tree)
}

// anyPatternOf rewrites a list of patterns of which one must hold.
func anyPatternOf(raw *kyvernov1.JSON) (string, error) {
	tree, err := raw.Value()
	if err != nil {
		return "", err
	}
	list, ok := tree.([]any)
	if !ok {
		return "", left("anyPattern is no list")
	}
	var some []string
	for _, each := range list {
		expression, err := (&writer{}).value("object", each)
		if err != nil {
			return "", err
		}
		some = append(some, expression)
	}
	return or(some...), nil
}

// writer writes expressions, with a new name for the variable of each list.
type writer struct{ depth int }

func (w *writer) variable() string {
	w.depth++
	return "e" + strconv.Itoa(w.depth)
}

// anchored is a key with an anchor: "=(name)" is '=' and name.
var anchored = regexp.MustCompile(`^([=^X<+]?)\((.+)\)$`)

// value rewrites what a value must be like. The value is there.
func (w *writer) value(at string, wanted any) (string, error) {
	switch wanted := wanted.(type) {
	case map[string]any:
		return w.mapping(at, wanted)
	case []any:
		return w.list(at, wanted)
	}
	return scalar(at, wanted)
}

// mapping rewrites a map: conditions decide whether the rest counts.
func (w *writer) mapping(at string, pattern map[string]any) (string, error) {
	var conditions, rest []string
	for _, key := range sortedKeys(pattern) {
		parts := anchored.FindStringSubmatch(key)
		anchor, name := "plain", key
		if parts != nil {
			anchor, name = parts[1], parts[2]
		}
		if strings.ContainsAny(name, "*?") {
			return "", left("wildcards in keys (%s) are not rewritten", key)
		}
		expression, err := w.anchored(at, anchor, name, pattern[key])
		if err != nil {
			return "", err
		}
		if anchor == "" {
			conditions = append(conditions, expression)
		} else {
			rest = append(rest, expression)
		}
	}
	if len(conditions) == 0 {
		return and(rest...), nil
	}
	return or("!("+and(conditions...)+")", and(rest...)), nil
}

// anchored rewrites one key of a map.
func (w *writer) anchored(at, anchor, name string, wanted any) (string, error) {
	there, of := present(at, name), field(at, name)
	if anchor == "^" {
		return w.existence(there, of, wanted)
	}
	if anchor == "X" {
		return "!(" + there + ")", nil
	}
	if anchor == "<" || anchor == "+" {
		return "", left("the anchor %s(%s) is not rewritten in a check", anchor, name)
	}
	inner, err := w.value(of, wanted)
	if err != nil {
		return "", err
	}
	if anchor == "=" || fitsNothing(wanted) {
		return or("!("+there+")", inner), nil
	}
	return and(there, inner), nil
}

// fitsNothing tells whether a leaf of a pattern is content with a field that is
// not there, as "!x" and "<=1Gi" are.
func fitsNothing(wanted any) bool {
	switch wanted.(type) {
	case map[string]any, []any:
		return false
	}
	return pattern.Value(nil, wanted)
}

// existence wants one element of a list to be like the pattern.
func (w *writer) existence(there, of string, pattern any) (string, error) {
	list, ok := pattern.([]any)
	if !ok || len(list) == 0 {
		return "", left("the anchor ^() wants a list")
	}
	all := []string{there}
	for _, each := range list {
		element := w.variable()
		inner, err := w.value(element, each)
		if err != nil {
			return "", err
		}
		all = append(all, of+".exists("+element+", "+inner+")")
	}
	return and(all...), nil
}

// list rewrites a list: every element is like the one pattern.
func (w *writer) list(at string, pattern []any) (string, error) {
	if len(pattern) != 1 {
		return "", left("a list of %d patterns is not rewritten: elements are compared by position or by anchors there", len(pattern))
	}
	element := w.variable()
	inner, err := w.value(element, pattern[0])
	if err != nil {
		return "", err
	}
	return at + ".all(" + element + ", " + inner + ")", nil
}

// scalar rewrites what a single value must be.
func scalar(at string, pattern any) (string, error) {
	switch pattern := pattern.(type) {
	case bool:
		return at + " == " + strconv.FormatBool(pattern), nil
	case string:
		return text(at, pattern)
	case nil:
		return at + " in [null, '', 0, 0.0, false]", nil
	}
	if written, ok := number(pattern); ok {
		return fmt.Sprintf("type(%s) == string ? %s == %s : double(%s) == double(%s)", at, at, quoted(strings.TrimSuffix(written, ".0")), at, written), nil
	}
	return "", left("a pattern of type %T is not rewritten", pattern)
}

// text rewrites a pattern with operators.
func text(at, pattern string) (string, error) {
	if strings.Contains(pattern, "{{") || strings.Contains(pattern, "$(") {
		return "", left("variables in patterns are not rewritten")
	}
	if strings.Contains(pattern, "|") {
		return each(at, strings.Split(pattern, "|"), or)
	}
	if strings.Contains(pattern, "&") {
		return each(at, strings.Split(pattern, "&"), and)
	}
	return operand(at, strings.TrimSpace(pattern))
}

func each(at string, patterns []string, how func(...string) string) (string, error) {
	var all []string
	for _, pattern := range patterns {
		expression, err := text(at, pattern)
		if err != nil {
			return "", err
		}
		all = append(all, expression)
	}
	return how(all...), nil
}

// quantity is an amount as Kubernetes writes it.
var quantity = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?([EPTGMk]i?|m|Ki|e[0-9]+)?$`)

// between is a range of quantities: "1-10", or "1!-10" for outside.
var between = regexp.MustCompile(`^([0-9.]+[A-Za-z]*)(!?)-([0-9.]+[A-Za-z]*)$`)

func operand(at, pattern string) (string, error) {
	for _, operator := range []string{">=", "<=", ">", "<"} {
		if amount, ok := strings.CutPrefix(pattern, operator); ok {
			return compared(at, operator, strings.TrimSpace(amount))
		}
	}
	if rest, ok := strings.CutPrefix(pattern, "!"); ok {
		inner, err := operand(at, strings.TrimSpace(rest))
		return "!(" + inner + ")", err
	}
	if parts := between.FindStringSubmatch(pattern); len(parts) == 4 && quantity.MatchString(parts[1]) && quantity.MatchString(parts[3]) {
		low, err := compared(at, ">=", parts[1])
		if err != nil {
			return "", err
		}
		high, err := compared(at, "<=", parts[3])
		if parts[2] == "!" {
			return "!(" + and(low, high) + ")", err
		}
		return and(low, high), err
	}
	if quantity.MatchString(pattern) {
		return compared(at, "==", pattern)
	}
	if pattern == "*" {
		return at + " != null", nil
	}
	return globs("string("+at+")", []string{pattern}), nil
}

// compared compares quantities, however they are written.
func compared(at, operator, amount string) (string, error) {
	if !quantity.MatchString(amount) {
		return "", left("%q is no quantity; durations and versions are not rewritten", amount)
	}
	value := "string(" + at + ")"
	return and("isQuantity("+value+")", fmt.Sprintf("quantity(%s).compareTo(quantity(%s)) %s 0", value, quoted(amount), operator)), nil
}

// forEachOf rewrites checks of each element of lists.
func forEachOf(loops []kyvernov1.ForEachValidation) (string, error) {
	var all []string
	for _, loop := range loops {
		if len(loop.Context) > 0 || loop.Preconditions != nil || len(loop.ForEach) > 0 || loop.AnyPattern != nil {
			return "", left("foreach with context, preconditions, anyPattern or foreach within is not rewritten")
		}
		list, err := listOf(loop.List)
		if err != nil {
			return "", err
		}
		inner, err := loopOf(loop)
		if err != nil {
			return "", err
		}
		all = append(all, list+".all(element, "+inner+")")
	}
	return and(all...), nil
}

func loopOf(loop kyvernov1.ForEachValidation) (string, error) {
	switch {
	case loop.Pattern != nil:
		tree, err := loop.Pattern.Value()
		if err != nil {
			return "", err
		}
		return (&writer{}).value("element", tree)
	case loop.Deny != nil:
		denied, err := denyOf(loop.Deny)
		return "!(" + denied + ")", err
	}
	return "", left("foreach without a pattern or deny is not rewritten")
}

// decode reads JSON into a type.
func decode[T any](raw *kyvernov1.JSON) (T, error) {
	var into T
	if raw == nil || len(raw.Raw) == 0 {
		return into, nil
	}
	err := json.Unmarshal(raw.Raw, &into)
	return into, err
}
