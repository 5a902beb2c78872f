package legacy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// conditions hold when one of any and each of all hold. Nil always holds.
type conditions struct{ any, all []comparison }

// comparison is one condition.
type comparison struct {
	operator            condition.Operator
	key, value, message *variable.Template
}

// conditions compiles {any: [], all: []}, or a list, which is all.
func (c *compiler) conditions(path string, source *kyvernov1.JSON, scope variable.Scope) *conditions {
	if source == nil || len(source.Raw) == 0 {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(string(source.Raw)), "[") {
		var all []kyvernov1.Condition
		if err := strictly(source.Raw, &all); err != nil {
			c.field(path, "is neither any and all nor a list of conditions: %v", err)
			return nil
		}
		return &conditions{all: c.comparisons(path, all, scope)}
	}
	var both kyvernov1.AnyAllConditions
	if err := strictly(source.Raw, &both); err != nil {
		c.field(path, "is neither any and all nor a list of conditions: %v", err)
		return nil
	}
	return c.anyAll(path, &both, scope)
}

func (c *compiler) anyAll(path string, source *kyvernov1.AnyAllConditions, scope variable.Scope) *conditions {
	if source == nil {
		return nil
	}
	return &conditions{
		any: c.comparisons(path+".any", source.Any, scope),
		all: c.comparisons(path+".all", source.All, scope),
	}
}

func (c *compiler) comparisons(path string, sources []kyvernov1.Condition, scope variable.Scope) []comparison {
	var made []comparison
	for i, source := range sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		operator, err := condition.ParseOperator(source.Operator)
		if err != nil {
			c.field(at+".operator", "%v", err)
		}
		made = append(made, comparison{
			operator: operator,
			key:      c.template(at+".key", c.json(at+".key", source.Key), scope),
			value:    c.template(at+".value", c.json(at+".value", source.Value), scope),
			message:  c.template(at+".message", source.Message, scope),
		})
	}
	return made
}

// resolved is a condition with its variables filled in.
type resolved struct {
	comparison
	left, right any
}

// decide tells whether the conditions hold, and what those that decided say.
// Variables are filled in for all of them first: one that is not there is an
// error, whichever condition would decide.
func (c *conditions) decide(vars *variable.Context) (holds bool, message string, err error) {
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
	said := append(falseOfAny, falseOfAll...)
	if holds {
		said = append(trueOfAny, trueOfAll...)
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
		text, err := textOf(one.message, vars)
		if err != nil {
			return "", err
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; "), nil
}

// strictly decodes JSON and refuses fields that do not exist.
func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
