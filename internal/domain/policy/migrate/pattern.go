package migrate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// check is what a pattern or a condition becomes.
type check struct {
	// fits tells whether the value is as it should be.
	fits string
	// says is the text by which failures are told apart, empty where the value
	// fits: of a pattern, the place that does not fit. Nothing where all failures
	// are the same.
	says string
}

// whole is the object that a pattern is compared to.
func (a about) whole(raw *kyvernov1.JSON) (check, error) {
	tree, err := raw.Value()
	if err != nil {
		return check{}, err
	}
	return shape(a.object, tree)
}

// shape rewrites a pattern of a value.
func shape(of string, tree any) (check, error) {
	return (&writer{}).value(spot{of, cel.Quoted("/")}, tree)
}

// any rewrites a list of patterns of which one must fit.
func (a about) any(raw *kyvernov1.JSON) (check, error) {
	tree, err := raw.Value()
	if err != nil {
		return check{}, err
	}
	list, ok := tree.([]any)
	if !ok {
		return check{}, left("it is no list")
	}
	var fits, says []string
	for i, each := range list {
		one, err := shape(a.object, each)
		if err != nil {
			return check{}, at(pathAt("", i), err)
		}
		fits, says = append(fits, one.fits), append(says, one.says)
	}
	made := cel.Or(fits...)
	return check{made, fails(made, "["+strings.Join(says, ", ")+"].join(' ')")}, nil
}

// writer writes expressions, with new names for the variables of each list.
type writer struct{ depth int }

// spot is a value, and the path to it as an expression.
type spot struct{ at, path string }

func (s spot) field(name string) spot {
	return spot{cel.Field(s.at, name), plus(s.path, name+"/")}
}

// plus adds a text to an expression for a text.
func plus(expression, text string) string {
	if begin, ok := strings.CutSuffix(expression, "'"); ok {
		return begin + strings.TrimPrefix(cel.Quoted(text), "'")
	}
	return expression + " + " + cel.Quoted(text)
}

// anchored is a key with an anchor: "=(name)" is '=' and name.
var anchored = regexp.MustCompile(`^([=^X<+]?)\((.+)\)$`)

// parsed is the anchor of a key, "plain" without one, and the name.
func parsed(key string) (anchor, name string) {
	if parts := anchored.FindStringSubmatch(key); parts != nil {
		return parts[1], parts[2]
	}
	return "plain", key
}

// value rewrites what a value must be like. The value is there.
func (w *writer) value(s spot, wanted any) (check, error) {
	switch wanted := wanted.(type) {
	case map[string]any:
		return w.mapping(s, wanted)
	case []any:
		return w.list(s, wanted)
	}
	fits, err := scalar(s.at, wanted)
	return check{fits, fails(fits, s.path)}, err
}

// fails is the path of what does not fit.
func fails(fits, path string) string { return "((" + fits + ") ? '' : " + path + ")" }

// mapping rewrites a map: conditions decide whether the rest counts.
func (w *writer) mapping(s spot, tree map[string]any) (check, error) {
	var conditions, fits, says []string
	for _, key := range visited(tree) {
		anchor, name := parsed(key)
		if strings.ContainsAny(name, "*?") {
			return check{}, at(key, left("wildcards in keys are not rewritten"))
		}
		one, err := w.key(s, anchor, name, tree[key])
		if err != nil {
			return check{}, at(key, err)
		}
		if anchor == "" {
			conditions = append(conditions, one.fits)
		} else {
			fits, says = append(fits, one.fits), append(says, one.says)
		}
	}
	made := check{cel.And(fits...), firstOf(says)}
	if len(conditions) > 0 {
		met := cel.And(conditions...)
		made = check{cel.Or(cel.Not(met), made.fits), "(" + met + " ? " + made.says + " : '')"}
	}
	return made, nil
}

// visited are the keys in the order in which failures count: what is conditional,
// what has anchors further down, and the rest.
func visited(tree map[string]any) []string {
	var conditional, nested, plain []string
	for _, key := range cel.Keys(tree) {
		anchor, _ := parsed(key)
		switch {
		case anchor == "=" || anchor == "^" || anchor == "X" || anchor == "":
			conditional = append(conditional, key)
		case pattern.HasAnchor(tree[key], func(kind pattern.AnchorKind) bool { return kind != pattern.AddIfNotPresent }):
			nested = append(nested, key)
		default:
			plain = append(plain, key)
		}
	}
	slices.Reverse(nested)
	return slices.Concat(conditional, nested, plain)
}

// firstOf is the first of several texts that is not empty.
func firstOf(says []string) string {
	says = slices.DeleteFunc(slices.Clone(says), func(one string) bool { return one == "''" })
	switch len(says) {
	case 0:
		return "''"
	case 1:
		return says[0]
	}
	return firstIn("[" + strings.Join(says, ", ") + "]")
}

func firstIn(list string) string { return "(" + list + ".filter(w, w != '') + [''])[0]" }

// key rewrites one key of a map.
func (w *writer) key(s spot, anchor, name string, wanted any) (check, error) {
	there, inner := cel.Present(s.at, name), s.field(name)
	switch anchor {
	case "^":
		return w.existence(there, inner, wanted)
	case "X":
		return check{cel.Not(there), "(" + there + " ? " + inner.path + " : '')"}, nil
	case "<", "+":
		return check{}, left("the anchor %s(%s) is not rewritten in a check", anchor, name)
	}
	found, err := w.value(inner, wanted)
	if err != nil {
		return check{}, err
	}
	absent := inner.path
	if wanted == "*" {
		absent = s.path // a pattern that wants anything says where it is missing
	}
	if anchor == "=" || fitsNothing(wanted) {
		return check{cel.Or(cel.Not(there), found.fits), "(" + there + " ? " + found.says + " : '')"}, nil
	}
	return check{cel.And(there, found.fits), "(" + there + " ? " + found.says + " : " + absent + ")"}, nil
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
func (w *writer) existence(there string, s spot, wanted any) (check, error) {
	list, ok := wanted.([]any)
	if !ok || len(list) == 0 {
		return check{}, left("the anchor ^() wants a list")
	}
	all := []string{there}
	for _, each := range list {
		element, _ := w.variables()
		inner, err := w.value(spot{element, s.path}, each)
		if err != nil {
			return check{}, err
		}
		all = append(all, s.at+".exists("+element+", "+inner.fits+")")
	}
	fits := cel.And(all...)
	return check{fits, fails(fits, s.path)}, nil
}

// variables are names for an element and its place.
func (w *writer) variables() (element, place string) {
	w.depth++
	return "e" + strconv.Itoa(w.depth), "i" + strconv.Itoa(w.depth)
}

// list rewrites a list: every element is like the one pattern.
func (w *writer) list(s spot, tree []any) (check, error) {
	if len(tree) != 1 {
		return check{}, left("a list of %d patterns is not rewritten: elements are compared by position or by anchors there", len(tree))
	}
	element, place := w.variables()
	inner, err := w.value(spot{element, s.path + " + string(" + place + ") + '/'"}, tree[0])
	if err != nil {
		return check{}, err
	}
	if _, isMap := tree[0].(map[string]any); !isMap { // a value is like no object
		inner.fits = cel.And("type("+element+") != map", inner.fits)
		inner.says = "(type(" + element + ") == map ? " + s.path + " : " + inner.says + ")"
	}
	return check{
		s.at + ".all(" + element + ", " + inner.fits + ")",
		firstIn(s.at + ".transformList(" + place + ", " + element + ", " + inner.says + ")"),
	}, nil
}

// scalar rewrites what a single value must be.
func scalar(at string, pattern any) (string, error) {
	switch pattern := pattern.(type) {
	case bool:
		return at + " == " + strconv.FormatBool(pattern), nil
	case string:
		return text(at, pattern)
	case nil:
		return at + " in [dyn(null), dyn(''), dyn(0), dyn(false)]", nil
	}
	if written, ok := cel.Number(pattern); ok {
		return fmt.Sprintf("type(%s) == string ? %s == %s : double(%s) == double(%s)", at, at, cel.Quoted(strings.TrimSuffix(written, ".0")), at, written), nil
	}
	return "", left("a pattern of type %T is not rewritten", pattern)
}

// text rewrites a pattern with operators.
func text(at, pattern string) (string, error) {
	if strings.Contains(pattern, "{{") || strings.Contains(pattern, "$(") {
		return "", left("variables in patterns are not rewritten")
	}
	if strings.Contains(pattern, "|") {
		return each(at, strings.Split(pattern, "|"), cel.Or)
	}
	if strings.Contains(pattern, "&") {
		return each(at, strings.Split(pattern, "&"), cel.And)
	}
	return single(at, strings.TrimSpace(pattern))
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

// single rewrites one operator and what follows it.
func single(at, pattern string) (string, error) {
	for _, operator := range []string{">=", "<=", ">", "<"} {
		if amount, ok := strings.CutPrefix(pattern, operator); ok {
			return compared(at, operator, strings.TrimSpace(amount))
		}
	}
	if rest, ok := strings.CutPrefix(pattern, "!"); ok {
		inner, err := single(at, strings.TrimSpace(rest))
		return "!(" + inner + ")", err
	}
	if parts := between.FindStringSubmatch(pattern); len(parts) == 4 && quantity.MatchString(parts[1]) && quantity.MatchString(parts[3]) {
		low, err := compared(at, ">=", parts[1])
		if err != nil {
			return "", err
		}
		high, err := compared(at, "<=", parts[3])
		if parts[2] == "!" {
			return "!(" + cel.And(low, high) + ")", err
		}
		return cel.And(low, high), err
	}
	if quantity.MatchString(pattern) {
		return compared(at, "==", pattern)
	}
	if pattern == "*" {
		return at + " != null", nil
	}
	return cel.Globs("string("+at+")", []string{pattern}), nil
}

// compared compares quantities, however they are written.
func compared(at, operator, amount string) (string, error) {
	if !quantity.MatchString(amount) {
		return "", left("%q is no quantity; durations and versions are not rewritten", amount)
	}
	return amounts("string("+at+")", operator, cel.Quoted(amount)), nil
}
