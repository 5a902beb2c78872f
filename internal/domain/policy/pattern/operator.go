package pattern

import (
	"regexp"
	"strings"
)

// Operator is how a value is compared to what follows it in a pattern.
type Operator string

// The operators.
const (
	Equal      Operator = ""
	NotEqual   Operator = "!"
	More       Operator = ">"
	Less       Operator = "<"
	MoreEqual  Operator = ">="
	LessEqual  Operator = "<="
	InRange    Operator = "-"
	NotInRange Operator = "!-"
)

// bound is one end of a range: a number with an optional sign and unit. A
// duration of several units, such as 1h30m, is no bound.
const bound = `([-+]?\d+(?:\.\d+)?[A-Za-z]*)`

var (
	inRange    = regexp.MustCompile(`^` + bound + `-` + bound + `$`)
	notInRange = regexp.MustCompile(`^` + bound + `!-` + bound + `$`)
)

// OperatorOf reads which operator a string pattern without | and & begins with,
// or whether it is a range.
func OperatorOf(text string) Operator {
	if len(text) < 2 {
		return Equal
	}
	for _, operator := range []Operator{MoreEqual, LessEqual, More, Less, NotEqual} {
		if strings.HasPrefix(text, string(operator)) {
			return operator
		}
	}
	switch {
	case inRange.MatchString(text):
		return InRange
	case notInRange.MatchString(text):
		return NotInRange
	}
	return Equal
}

// ends splits a range at its ends.
func ends(text string, operator Operator) (low, high string) {
	expression := inRange
	if operator == NotInRange {
		expression = notInRange
	}
	found := expression.FindStringSubmatch(text)
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}

// holds tells whether the sign of a comparison satisfies the operator.
func (o Operator) holds(sign int) bool {
	switch o {
	case Equal:
		return sign == 0
	case NotEqual:
		return sign != 0
	case More:
		return sign > 0
	case Less:
		return sign < 0
	case MoreEqual:
		return sign >= 0
	case LessEqual:
		return sign <= 0
	default:
		return false
	}
}
