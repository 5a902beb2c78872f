package migrate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// preconditionsOf rewrites preconditions as match conditions.
func preconditionsOf(rule kyvernov1.Rule) ([]admissionregistrationv1.MatchCondition, error) {
	conditions := append([]admissionregistrationv1.MatchCondition(nil), rule.CELPreconditions...)
	if rule.Preconditions == nil {
		return conditions, nil
	}
	expression, err := conditionsOf(rule.Preconditions)
	if err != nil {
		return nil, fmt.Errorf("preconditions: %w", err)
	}
	return append(conditions, admissionregistrationv1.MatchCondition{Name: "preconditions", Expression: expression}), nil
}

// denyOf rewrites the conditions under which a rule denies.
func denyOf(deny *kyvernov1.Deny) (string, error) {
	if deny.Conditions == nil {
		return "true", nil
	}
	return conditionsOf(deny.Conditions)
}

// conditionsOf rewrites any and all blocks, or the old form, a list of which all
// must hold.
func conditionsOf(raw *kyvernov1.JSON) (string, error) {
	if strings.HasPrefix(strings.TrimSpace(string(raw.Raw)), "[") {
		list, err := decode[[]kyvernov1.Condition](raw)
		if err != nil {
			return "", err
		}
		return block(list, and)
	}
	blocks, err := decode[kyvernov1.AnyAllConditions](raw)
	if err != nil {
		return "", err
	}
	var both []string
	if len(blocks.Any) > 0 {
		some, err := block(blocks.Any, or)
		if err != nil {
			return "", err
		}
		both = append(both, some)
	}
	all, err := block(blocks.All, and)
	return and(append(both, all)...), err
}

func block(conditions []kyvernov1.Condition, how func(...string) string) (string, error) {
	var expressions []string
	for _, condition := range conditions {
		expression, err := conditionOf(condition)
		if err != nil {
			return "", err
		}
		expressions = append(expressions, expression)
	}
	return how(expressions...), nil
}

func conditionOf(c kyvernov1.Condition) (string, error) {
	key, err := c.Key.Value()
	if err != nil {
		return "", err
	}
	value, err := c.Value.Value()
	if err != nil {
		return "", err
	}
	path, ok := key.(string)
	if !ok || !strings.Contains(path, "{{") {
		return "", left("a condition on the constant %v is not rewritten", key)
	}
	if text, is := value.(string); is && strings.Contains(text, "{{") {
		return "", left("a condition with a variable as its value (%s) is not rewritten", text)
	}
	expression, list, err := expressionOf(path)
	if err != nil {
		return "", err
	}
	return operate(expression, list, c.Operator, value)
}

// operate rewrites one operator. List tells that the key is a list.
func operate(key string, list bool, operator string, value any) (string, error) {
	switch operator {
	case "Equals", "Equal":
		return equal(key, list, value)
	case "NotEquals", "NotEqual":
		inner, err := equal(key, list, value)
		return "!(" + inner + ")", err
	case "In", "AnyIn", "AllIn", "NotIn", "AnyNotIn", "AllNotIn":
		return member(key, list, operator, value)
	case "GreaterThan", "GreaterThanOrEquals", "LessThan", "LessThanOrEquals":
		signs := map[string]string{"GreaterThan": ">", "GreaterThanOrEquals": ">=", "LessThan": "<", "LessThanOrEquals": "<="}
		return order(key, list, signs[operator], value)
	}
	return "", left("the operator %s is not rewritten", operator)
}

func equal(key string, list bool, value any) (string, error) {
	switch value := value.(type) {
	case bool:
		return key + " == " + strconv.FormatBool(value), nil
	case string:
		if list {
			return "", left("a list compared with a text is not rewritten")
		}
		if strings.ContainsAny(value, "*?") {
			return globs("string("+key+")", []string{value}), nil
		}
		return key + " == " + quoted(value), nil
	}
	if written, ok := number(value); ok {
		return "double(" + key + ") == " + decimal(written), nil
	}
	return "", left("equality with a %T is not rewritten", value)
}

func decimal(written string) string {
	if strings.Contains(written, ".") {
		return written
	}
	return written + ".0"
}

// member rewrites membership of a key, or of the elements of a list, in a list
// of texts.
func member(key string, list bool, operator string, value any) (string, error) {
	var patterns []string
	switch value := value.(type) {
	case string:
		patterns = []string{value}
	case []any:
		for _, each := range value {
			text, ok := each.(string)
			if !ok {
				return "", left("membership among values that are no texts is not rewritten")
			}
			patterns = append(patterns, text)
		}
	default:
		return "", left("membership in a %T is not rewritten", value)
	}
	negated := strings.Contains(operator, "Not")
	if !list {
		inner := globs("string("+key+")", patterns)
		if negated {
			return "!(" + inner + ")", nil
		}
		return inner, nil
	}
	inner := globs("string(x)", patterns)
	switch operator {
	case "In", "AllIn":
		return key + ".all(x, " + inner + ")", nil
	case "AnyIn":
		return key + ".exists(x, " + inner + ")", nil
	case "NotIn", "AllNotIn":
		return key + ".all(x, !(" + inner + "))", nil
	default: // AnyNotIn
		return key + ".exists(x, !(" + inner + "))", nil
	}
}

func order(key string, list bool, sign string, value any) (string, error) {
	if list {
		return "", left("order of lists is not rewritten")
	}
	if written, ok := number(value); ok {
		return "double(" + key + ") " + sign + " " + decimal(written), nil
	}
	text, ok := value.(string)
	if !ok || !quantity.MatchString(text) {
		return "", left("order by %v is not rewritten: only numbers and quantities are", value)
	}
	return fmt.Sprintf("quantity(string(%s)).compareTo(quantity(%s)) %s 0", key, quoted(text), sign), nil
}

// variable is a text that is one variable and nothing else.
var variable = regexp.MustCompile(`^\s*\{\{([^{}]*)\}\}\s*$`)

// expressionOf rewrites a text that is one variable.
func expressionOf(text string) (expression string, list bool, err error) {
	parts := variable.FindStringSubmatch(text)
	if parts == nil {
		return "", false, left("%q is more than one variable, which is not rewritten", text)
	}
	return pathOf(strings.TrimSpace(parts[1]))
}

// textOf rewrites a text with variables as a CEL string.
func textOf(text string) (string, error) {
	var parts []string
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			parts = append(parts, quoted(before))
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", left("%q: a variable without its end", text)
		}
		expression, list, err := pathOf(strings.TrimSpace(inner))
		if err != nil || list {
			return "", left("{{%s}} in a text is not rewritten", inner)
		}
		parts = append(parts, "string("+expression+")")
		text = after
	}
	if parts == nil {
		return "''", nil
	}
	return strings.Join(parts, " + "), nil
}
