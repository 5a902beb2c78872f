package condition

import (
	"fmt"
	"slices"
	"strings"
)

// holds compares a key with a value.
type holds func(key, value any) bool

// Operator is a comparison by name.
type Operator struct {
	name  string
	holds holds
}

// ParseOperator finds an operator; upper and lower case do not matter.
func ParseOperator(name string) (Operator, error) {
	for _, operator := range operators() {
		if strings.EqualFold(operator.name, name) {
			return operator, nil
		}
	}
	return Operator{}, fmt.Errorf("%q is no operator; use one of %s", name, strings.Join(names(), ", "))
}

// String is the operator's name.
func (o Operator) String() string { return o.name }

// Holds tells whether the key compares to the value as the operator wants.
func (o Operator) Holds(key, value any) bool {
	return o.holds != nil && o.holds(plain(key), plain(value))
}

func operators() []Operator {
	return []Operator{
		{"Equals", equals},
		{"NotEquals", notEquals},
		{"Equal", equals},
		{"NotEqual", notEquals},
		{"AnyIn", anyIn},
		{"AllIn", allIn},
		{"AnyNotIn", anyNotIn},
		{"AllNotIn", allNotIn},
		{"In", in},
		{"NotIn", notIn},
		{"GreaterThan", ordered(func(sign int) bool { return sign > 0 })},
		{"GreaterThanOrEquals", ordered(func(sign int) bool { return sign >= 0 })},
		{"LessThan", ordered(func(sign int) bool { return sign < 0 })},
		{"LessThanOrEquals", ordered(func(sign int) bool { return sign <= 0 })},
		{"DurationGreaterThan", lasting(func(sign int) bool { return sign > 0 })},
		{"DurationGreaterThanOrEquals", lasting(func(sign int) bool { return sign >= 0 })},
		{"DurationLessThan", lasting(func(sign int) bool { return sign < 0 })},
		{"DurationLessThanOrEquals", lasting(func(sign int) bool { return sign <= 0 })},
	}
}

func names() []string {
	var found []string
	for _, operator := range operators() {
		found = append(found, operator.name)
	}
	slices.Sort(found)
	return found
}
