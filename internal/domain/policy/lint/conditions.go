package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/constant"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
)

// conditions finds conditions of a legacy rule that never or always hold.
func (c *checker) conditions(rule kyvernov1.Rule, at string) {
	c.preconditions(rule.Name, at+".preconditions", anyOrAll(rule.Preconditions))
	if rule.Validate != nil {
		c.denial(rule.Name, at+".validate.deny.conditions", rule.Validate.Deny)
		c.lists(rule.Name, at+".validate.foreach", rule.Validate.ForEach)
	}
	if rule.Mutate == nil {
		return
	}
	for i, list := range rule.Mutate.ForEach {
		c.preconditions(rule.Name, fmt.Sprintf("%s.mutate.foreach[%d].preconditions", at, i), list.Preconditions)
	}
	for i, target := range rule.Mutate.Targets {
		c.preconditions(rule.Name, fmt.Sprintf("%s.mutate.targets[%d].preconditions", at, i), anyOrAll(target.Preconditions))
	}
}

// lists are those of a rule that judges elements, and those inside of them.
func (c *checker) lists(rule, at string, lists []kyvernov1.ForEachValidation) {
	for i, list := range lists {
		each := fmt.Sprintf("%s[%d]", at, i)
		c.preconditions(rule, each+".preconditions", list.Preconditions)
		c.denial(rule, each+".deny.conditions", list.Deny)
		c.lists(rule, each+".foreach", list.ForEach)
	}
}

func (c *checker) preconditions(rule, at string, all *kyvernov1.AnyAllConditions) {
	switch where, outcome := c.decided(rule, at, all); outcome {
	case constant.False:
		c.find(Error, NeverFires, rule, where, "the preconditions never hold, so the rule concerns nothing")
	case constant.True:
		c.find(Note, Constant, rule, where, "the preconditions always hold, so they narrow nothing")
	default:
	}
}

func (c *checker) denial(rule, at string, deny *kyvernov1.Deny) {
	if deny == nil {
		return
	}
	switch where, outcome := c.decided(rule, at, anyOrAll(deny.Conditions)); {
	case outcome == constant.False && strings.HasSuffix(where, "]"):
		c.find(Error, NeverFires, rule, where, "one of the conditions that must all hold never does, so the rule passes everything")
	case outcome == constant.False:
		c.find(Error, NeverFires, rule, where, "none of the conditions ever holds, so the rule passes everything")
	case outcome == constant.True:
		c.find(Warning, AlwaysFires, rule, where, "the conditions always hold: every object that matches violates the rule; write deny: {}, if that is meant")
	}
}

// anyOrAll reads conditions in both forms; nil for what is neither, which
// compiling reports.
func anyOrAll(source *kyvernov1.JSON) *kyvernov1.AnyAllConditions {
	if source == nil || len(source.Raw) == 0 {
		return nil
	}
	var both kyvernov1.AnyAllConditions
	if strings.HasPrefix(strings.TrimSpace(string(source.Raw)), "[") {
		if json.Unmarshal(source.Raw, &both.All) != nil {
			return nil
		}
		return &both
	}
	if json.Unmarshal(source.Raw, &both) != nil {
		return nil
	}
	return &both
}

// decided tells what conditions come to, whatever the object, and the field that
// makes it so. Of conditions that depend on it, those that do not are named.
func (c *checker) decided(rule, at string, all *kyvernov1.AnyAllConditions) (string, constant.Outcome) {
	if all == nil || len(all.Any)+len(all.All) == 0 {
		return at, constant.Depends
	}
	some := c.outcomes(rule, at+".any", all.Any)
	every := c.outcomes(rule, at+".all", all.All)
	if i := slices.Index(every, constant.False); i >= 0 {
		return fmt.Sprintf("%s.all[%d]", at, i), constant.False
	}
	if only(some, constant.False) {
		return at + ".any", constant.False
	}
	anyHolds := len(some) == 0 || slices.Contains(some, constant.True)
	if anyHolds && !slices.Contains(every, constant.Depends) {
		return at, constant.True
	}
	c.idle(rule, at+".any", some)
	c.idle(rule, at+".all", every)
	return at, constant.Depends
}

func only(outcomes []constant.Outcome, one constant.Outcome) bool {
	return len(outcomes) > 0 && !slices.ContainsFunc(outcomes, func(each constant.Outcome) bool { return each != one })
}

// idle names the conditions that decide nothing beside the others.
func (c *checker) idle(rule, at string, outcomes []constant.Outcome) {
	for i, outcome := range outcomes {
		field := fmt.Sprintf("%s[%d]", at, i)
		switch outcome {
		case constant.True:
			c.find(Warning, Constant, rule, field, "the condition always holds, whatever the object is")
		case constant.False:
			c.find(Warning, Constant, rule, field, "the condition never holds, whatever the object is")
		default:
		}
	}
}

func (c *checker) outcomes(rule, at string, all []kyvernov1.Condition) []constant.Outcome {
	var found []constant.Outcome
	for i, one := range all {
		found = append(found, c.outcome(rule, fmt.Sprintf("%s[%d].key", at, i), one))
	}
	return found
}

// outcome compares what is constant on both sides. A key that is no expression
// though it was meant as one compares as text on Kyverno.
func (c *checker) outcome(rule, field string, one kyvernov1.Condition) constant.Outcome {
	operator, wrong := condition.ParseOperator(one.Operator)
	key, noKey := one.Key.Value()
	value, noValue := one.Value.Value()
	if wrong != nil || noKey != nil || noValue != nil {
		return constant.Depends
	}
	left, keyKnown, err := literal(key)
	if err != nil {
		c.find(Error, Invalid, rule, field, "this is no JMESPath, so on Kyverno it stays text and is compared as text: %v; to count objects, use a context entry with an apiCall", err)
		return constant.False
	}
	right, valueKnown, err := literal(value)
	asked := askedOperations(key)
	if keyKnown {
		asked = []any{left}
	}
	if err != nil || len(asked) == 0 || !valueKnown {
		return constant.Depends
	}
	return always(asked, func(left any) bool { return operator.Holds(left, right) })
}

// always tells what a question comes to that all answers to another have in common.
func always(all []any, holds func(any) bool) constant.Outcome {
	switch outside := slices.IndexFunc(all, func(one any) bool { return !holds(one) }); {
	case outside < 0:
		return constant.True
	case !slices.ContainsFunc(all, holds):
		return constant.False
	}
	return constant.Depends
}

// literal is what one side of a condition is, if that does not depend on the
// request: JSON without variables, or one expression that reads nothing. The
// error is that it is one expression and no JMESPath.
func literal(side any) (value any, known bool, err error) {
	text, ok := side.(string)
	if !ok {
		written, err := json.Marshal(side)
		return side, err == nil && !strings.Contains(string(written), "{{"), nil
	}
	if !strings.Contains(text, "{{") {
		return side, true, nil
	}
	expression, is := strings.CutPrefix(strings.TrimSpace(text), "{{")
	expression, ends := strings.CutSuffix(expression, "}}")
	// Inner templates become text before the outer one is read.
	alone := template.ReplaceAllString(expression, "x")
	if !is || !ends || strings.Contains(alone, "{{") {
		return nil, false, nil
	}
	query, err := jmespath.Compile(strings.TrimSpace(alone))
	if err != nil {
		return nil, false, err
	}
	names := query.Names()
	if alone != expression || names.Whole || len(names.Plain)+len(names.Quoted) > 0 {
		return nil, false, nil
	}
	// Without a clock, functions of time and chance fail: they are not constant.
	value, err = query.Search(nil)
	return value, err == nil, nil
}
