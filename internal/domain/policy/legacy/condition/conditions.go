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

// resolved is a condition with its variables filled in.
type resolved struct {
	comparison
	left, right any
}

// Decide tells whether the conditions hold, and what those that decided say.
// Variables are filled in for all of them first: one that is not there is an
// error, whichever condition would decide.
func (c *Conditions) Decide(vars *variable.Context) (holds bool, message string, err error) {
	if c == nil {
		return true, "", nil
	}
	one, err := resolveAll(c.any, vars)
	if err != nil {
		return false, "", err
	}
	each, err := resolveAll(c.all, vars)
	if err != nil {
		return false, "", err
	}
	anyHolds, trueOfAny, falseOfAny := someOf(one)
	allHold, trueOfAll, falseOfAll := allOf(each)
	holds = anyHolds && allHold
	said := slices.Concat(falseOfAny, falseOfAll)
	if holds {
		said = slices.Concat(trueOfAny, trueOfAll)
	}
	message, err = messages(said, vars)
	return holds, message, err
}

func resolveAll(comparisons []comparison, vars *variable.Context) ([]resolved, error) {
	var all []resolved
	for _, one := range comparisons {
		left, err := one.key.Resolve(vars)
		if err != nil {
			return nil, err
		}
		right, err := one.value.Resolve(vars)
		if err != nil {
			return nil, err
		}
		all = append(all, resolved{one, left, right})
	}
	return all, nil
}

func (r resolved) holds() bool { return r.operator.Holds(r.left, r.right) }

// someOf stops at the first that holds.
func someOf(all []resolved) (holds bool, yes, no []comparison) {
	for _, one := range all {
		if one.holds() {
			return true, []comparison{one.comparison}, no
		}
		no = append(no, one.comparison)
	}
	return len(all) == 0, nil, no
}

// allOf stops at the first that does not hold.
func allOf(all []resolved) (hold bool, yes, no []comparison) {
	for _, one := range all {
		if !one.holds() {
			return false, yes, []comparison{one.comparison}
		}
		yes = append(yes, one.comparison)
	}
	return true, yes, nil
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
