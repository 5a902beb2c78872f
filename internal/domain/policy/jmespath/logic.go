package jmespath

import "github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"

// disjunction is "left || right": the right side if the left one is missing,
// null, false or empty.
type disjunction struct{ left, right node }

func (n disjunction) eval(env *Env, data any) (any, error) {
	left, err := lenient(n.left, env, data)
	if err != nil || !value.IsFalse(left) {
		return left, err
	}
	return lenient(n.right, env, data)
}

// conjunction is "left && right".
type conjunction struct{ left, right node }

func (n conjunction) eval(env *Env, data any) (any, error) {
	left, err := lenient(n.left, env, data)
	if err != nil || value.IsFalse(left) {
		return left, err
	}
	return n.right.eval(env, data)
}

// negation is "!operand".
type negation struct{ operand node }

func (n negation) eval(env *Env, data any) (any, error) {
	operand, err := lenient(n.operand, env, data)
	if err != nil {
		return nil, err
	}
	return value.IsFalse(operand), nil
}

// comparison of any two values by == and !=, of numbers by the rest, which are
// null for anything else.
type comparison struct {
	operator    kind
	left, right node
}

func (n comparison) eval(env *Env, data any) (any, error) {
	left, err := lenient(n.left, env, data)
	if err != nil {
		return nil, err
	}
	right, err := lenient(n.right, env, data)
	if err != nil {
		return nil, err
	}
	if n.operator == equal || n.operator == notEqual {
		return value.Equal(left, right) == (n.operator == equal), nil
	}
	a, aOK := value.Number(left)
	b, bOK := value.Number(right)
	if !aOK || !bOK {
		return nil, nil
	}
	return n.ordered(a, b), nil
}

func (n comparison) ordered(a, b float64) bool {
	switch n.operator {
	case less:
		return a < b
	case lessOrEqual:
		return a <= b
	case greater:
		return a > b
	default:
		return a >= b
	}
}
