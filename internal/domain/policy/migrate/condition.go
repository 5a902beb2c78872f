package migrate

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// denied rewrites the conditions under which a rule denies.
func (a about) denied(deny *kyvernov1.Deny) (string, error) {
	if deny.Conditions == nil {
		return "true", nil
	}
	return a.conditions(deny.Conditions)
}

// conditions rewrites any and all blocks, or the old form, a list of which all
// must hold. None always hold.
func (a about) conditions(raw *kyvernov1.JSON) (string, error) {
	if raw == nil {
		return "true", nil
	}
	if strings.HasPrefix(strings.TrimSpace(string(raw.Raw)), "[") {
		list, err := decode[[]kyvernov1.Condition](raw)
		if err != nil {
			return "", err
		}
		return a.block("", list, cel.And)
	}
	blocks, err := decode[kyvernov1.AnyAllConditions](raw)
	if err != nil {
		return "", err
	}
	return a.blocks(&blocks)
}

// blocks rewrites any and all; nil always holds.
func (a about) blocks(blocks *kyvernov1.AnyAllConditions) (string, error) {
	if blocks == nil {
		return "true", nil
	}
	var both []string
	if len(blocks.Any) > 0 {
		some, err := a.block("any", blocks.Any, cel.Or)
		if err != nil {
			return "", err
		}
		both = append(both, some)
	}
	all, err := a.block("all", blocks.All, cel.And)
	return cel.And(append(both, all)...), err
}

func (a about) block(name string, conditions []kyvernov1.Condition, how func(...string) string) (string, error) {
	var expressions []string
	for i, condition := range conditions {
		expression, err := a.condition(condition)
		if err != nil {
			return "", at(pathAt(name, i), err)
		}
		expressions = append(expressions, expression)
	}
	return how(expressions...), nil
}

func (a about) condition(c kyvernov1.Condition) (string, error) {
	key, err := a.side(c.Key)
	if err != nil {
		return "", at("key", err)
	}
	value, err := a.side(c.Value)
	if err != nil {
		return "", at("value", err)
	}
	operator, err := condition.ParseOperator(c.Operator)
	if err != nil {
		return "", at("operator", err)
	}
	if key.Constant && value.Constant {
		return strconv.FormatBool(operator.Holds(key.Literal, value.Literal)), nil
	}
	return key.When("key", func(k query.Expression) (string, error) { return compare(k, operator.String(), value) })
}

// compare rewrites one operator for a key that is there.
func compare(key query.Expression, operator string, value query.Expression) (string, error) {
	with := func(how func(k, v query.Expression) (string, error)) (string, error) {
		return value.When("value", func(v query.Expression) (string, error) { return how(key, v) })
	}
	switch operator {
	case "Equals", "Equal":
		return with(equal)
	case "NotEquals", "NotEqual":
		inner, err := with(equal)
		return cel.Not(inner), err
	case "In", "AnyIn", "AllIn", "NotIn", "AnyNotIn", "AllNotIn":
		return with(func(k, v query.Expression) (string, error) { return member(k, operator, v) })
	case "GreaterThan", "GreaterThanOrEquals", "LessThan", "LessThanOrEquals":
		signs := map[string]string{"GreaterThan": ">", "GreaterThanOrEquals": ">=", "LessThan": "<", "LessThanOrEquals": "<="}
		return with(func(k, v query.Expression) (string, error) { return order(k, signs[operator], v) })
	}
	return "", at("operator", left("the operator %s is not rewritten", operator))
}

// isList tells of a value that is a list for certain.
func isList(e query.Expression) bool { return e.Kind == query.List || e.Kind == query.Texts }

func equal(key, value query.Expression) (string, error) {
	if key.Kind == query.Texts || value.Kind == query.Texts {
		return "", left("equality with a list that stands for a text where it is empty is not rewritten")
	}
	if !value.Constant {
		return same(key, value), nil
	}
	switch literal := value.Literal.(type) {
	case nil:
		return "false", nil // what is compared with null makes no sense
	case string:
		return equalText(key, literal), nil
	case bool, []any, map[string]any:
		return key.Text + " == " + value.Text, nil
	}
	return "double(" + key.Text + ") == " + cel.Decimal(value.Text), nil
}

func equalText(key query.Expression, text string) string {
	switch {
	case isList(key):
		return "false"
	case text == "" && key.Kind == query.Unknown:
		return key.Text + " in [dyn(''), dyn([]), dyn({})]" // what "|| ''" makes of what is empty
	case strings.ContainsAny(text, "*?"):
		return cel.Globs(written(key), []string{text})
	case quantity.MatchString(text):
		return cel.Or(written(key)+" == "+cel.Quoted(text), amounts(written(key), "==", cel.Quoted(text)))
	}
	return key.Text + " == " + cel.Quoted(text)
}

// same compares two values of which neither is known. Amounts are the same
// however they are written.
func same(key, value query.Expression) string {
	equal := key.Text + " == " + value.Text
	for _, side := range []query.Expression{key, value} {
		if side.Kind != query.Unknown && side.Kind != query.Text {
			return equal
		}
	}
	texts := "type(" + key.Text + ") == string && type(" + value.Text + ") == string"
	return cel.Or(equal, cel.And(texts, amounts(written(key), "==", written(value))))
}

// amounts compares quantities; anything else compares to nothing.
func amounts(left, sign, right string) string {
	both := "isQuantity(" + left + ")"
	if !strings.HasPrefix(right, "'") {
		both += " && isQuantity(" + right + ")"
	}
	return both + " && quantity(" + left + ").compareTo(quantity(" + right + ")) " + sign + " 0"
}

// written is a value as a text.
func written(e query.Expression) string {
	if e.Kind == query.Text {
		return e.Text
	}
	return "string(" + e.Text + ")"
}

// member rewrites membership of a key, or of the elements of a list.
func member(key query.Expression, operator string, value query.Expression) (string, error) {
	negated := strings.Contains(operator, "Not")
	belongs := func(text query.Expression) (string, error) {
		inner, err := belonging(text, value)
		if negated {
			inner = cel.Not(inner)
		}
		return inner, err
	}
	if !isList(key) {
		return belongs(key)
	}
	inner, err := belongs(query.Plain("x", query.Unknown))
	switch operator {
	case "In", "AllIn", "AllNotIn":
		return query.Operand(key.Text) + ".all(x, " + inner + ")", err
	default: // AnyIn, AnyNotIn, and NotIn, which is the same
		return query.Operand(key.Text) + ".exists(x, " + inner + ")", err
	}
}

// belonging tells whether a text belongs to a value.
func belonging(text, value query.Expression) (string, error) {
	if value.Constant {
		patterns, ok := members(value.Literal)
		if !ok {
			return "", left("membership in %v is not rewritten", value.Literal)
		}
		return cel.Globs(written(text), patterns), nil
	}
	if name, ok := text.Literal.(string); ok && pattern.HasWildcard(name) {
		return "", left("membership of the pattern %s in what is not known is not rewritten", name)
	}
	among := query.Operand(value.Text) + ".exists(m, string(m) == " + written(text) + ")"
	switch value.Kind {
	case query.List, query.Texts:
		return among, nil
	case query.Unknown:
		return "type(" + value.Text + ") == list ? " + among + " : string(" + value.Text + ") == " + written(text), nil
	case query.Object:
		return "false", nil
	default:
		return written(value) + " == " + written(text), nil
	}
}

// members are the texts that a constant says belong to it.
func members(value any) (texts []string, ok bool) {
	switch value := value.(type) {
	case string:
		if pattern.OperatorOf(value) == pattern.InRange {
			return nil, false
		}
		if strings.HasPrefix(strings.TrimSpace(value), "[") && json.Unmarshal([]byte(value), &texts) == nil {
			return texts, true
		}
		return []string{value}, true
	case []any:
		for _, each := range value {
			text, ok := pattern.Text(each)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	text, ok := pattern.Text(value)
	return []string{text}, ok
}

// order compares numbers and amounts.
func order(key query.Expression, sign string, value query.Expression) (string, error) {
	if isList(key) || isList(value) || key.Kind == query.Bool {
		return "false", nil // that has no order
	}
	text, isText := value.Literal.(string)
	_, notNumber := strconv.ParseFloat(text, 64)
	switch {
	case value.Constant && !isText && value.Kind != query.Number, isText && !quantity.MatchString(text):
		return "", left("order by %v is not rewritten: only numbers and quantities are", value.Literal)
	case isText && key.Kind == query.Number && notNumber == nil:
		return "double(" + key.Text + ") " + sign + " " + cel.Decimal(text), nil
	case isText:
		return amounts(written(key), sign, cel.Quoted(text)), nil
	case value.Constant:
		return "double(" + key.Text + ") " + sign + " " + cel.Decimal(value.Text), nil
	case key.Kind == query.Number || value.Kind == query.Number:
		return "double(" + key.Text + ") " + sign + " double(" + value.Text + ")", nil
	}
	return amounts(written(key), sign, written(value)), nil
}

// variable is a text that is one variable and nothing else.
var variable = regexp.MustCompile(`^\s*\{\{((?:[^{}]|\{[^{}]*\})*)\}\}\s*$`)

// decode reads JSON into a type.
func decode[T any](raw *kyvernov1.JSON) (T, error) {
	var into T
	if raw == nil || len(raw.Raw) == 0 {
		return into, nil
	}
	err := json.Unmarshal(raw.Raw, &into)
	return into, err
}
