package condition

import (
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// Conditions hold when one of any and each of all hold. Nil always holds.
type Conditions struct{ any, all []comparison }

// comparison is one condition.
type comparison struct {
	operator            Operator
	key, value, message *variable.Template
}

// Compile compiles {any: [], all: []}, or a list, which is all.
func Compile(rule *draft.Rule, path string, source *kyvernov1.JSON, scope variable.Scope) *Conditions {
	if source == nil || len(source.Raw) == 0 {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(string(source.Raw)), "[") {
		var all []kyvernov1.Condition
		if err := draft.Strictly(source.Raw, &all); err != nil {
			rule.Wrong(path, "is neither any and all nor a list of conditions: %v", err)
			return nil
		}
		return &Conditions{all: comparisons(rule, path, all, scope)}
	}
	var both kyvernov1.AnyAllConditions
	if err := draft.Strictly(source.Raw, &both); err != nil {
		rule.Wrong(path, "is neither any and all nor a list of conditions: %v", err)
		return nil
	}
	return CompileAnyAll(rule, path, &both, scope)
}

// CompileAnyAll compiles conditions that are decoded already; nil for nil.
func CompileAnyAll(rule *draft.Rule, path string, source *kyvernov1.AnyAllConditions, scope variable.Scope) *Conditions {
	if source == nil {
		return nil
	}
	return &Conditions{
		any: comparisons(rule, path+".any", source.Any, scope),
		all: comparisons(rule, path+".all", source.All, scope),
	}
}

func comparisons(rule *draft.Rule, path string, sources []kyvernov1.Condition, scope variable.Scope) []comparison {
	var made []comparison
	for i, source := range sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		operator, err := ParseOperator(source.Operator)
		if err != nil {
			rule.Wrong(at+".operator", "%v", err)
		}
		made = append(made, comparison{
			operator: operator,
			key:      rule.Template(at+".key", rule.JSON(at+".key", source.Key), scope),
			value:    rule.Template(at+".value", rule.JSON(at+".value", source.Value), scope),
			message:  rule.Template(at+".message", source.Message, scope),
		})
	}
	return made
}

// Decide tells whether the conditions hold, and what those that decided say.
// Conditions are looked at in order, up to the one that decides: a variable that
// is missing in one after it does no harm.
func (c *Conditions) Decide(vars *variable.Context) (holds bool, message string, err error) {
	if c == nil {
		return true, "", nil
	}
	anyHolds, trueOfAny, falseOfAny, err := someOf(c.any, vars)
	if err != nil {
		return false, "", err
	}
	allHold, trueOfAll, falseOfAll, err := allOf(c.all, vars)
	if err != nil {
		return false, "", err
	}
	holds = anyHolds && allHold
	said := slices.Concat(falseOfAny, falseOfAll)
	if holds {
		said = slices.Concat(trueOfAny, trueOfAll)
	}
	message, err = messages(said, vars)
	return holds, message, err
}

// holds fills in both sides and compares them.
func (c comparison) holds(vars *variable.Context) (bool, error) {
	left, err := c.key.Resolve(vars)
	if err != nil {
		return false, err
	}
	right, err := c.value.Resolve(vars)
	if err != nil {
		return false, err
	}
	return c.operator.Holds(left, right), nil
}

// someOf stops at the first that holds.
func someOf(all []comparison, vars *variable.Context) (holds bool, yes, no []comparison, err error) {
	for _, one := range all {
		held, err := one.holds(vars)
		switch {
		case err != nil:
			return false, nil, nil, err
		case held:
			return true, []comparison{one}, no, nil
		}
		no = append(no, one)
	}
	return len(all) == 0, nil, no, nil
}

// allOf stops at the first that does not hold.
func allOf(all []comparison, vars *variable.Context) (hold bool, yes, no []comparison, err error) {
	for _, one := range all {
		held, err := one.holds(vars)
		switch {
		case err != nil:
			return false, nil, nil, err
		case !held:
			return false, yes, []comparison{one}, nil
		}
		yes = append(yes, one)
	}
	return true, yes, nil, nil
}

func messages(said []comparison, vars *variable.Context) (string, error) {
	var texts []string
	for _, one := range said {
		text, err := draft.Text(one.message, vars)
		if err != nil {
			return "", err
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; "), nil
}
