package function

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// arithmetic are Kyverno's functions on numbers, quantities and durations.
func arithmetic() []Function {
	return []Function{
		{Name: "add", Parameters: []Types{Any, Any}, Result: Any, run: binary(operand.add)},
		{Name: "subtract", Parameters: []Types{Any, Any}, Result: Any, run: binary(operand.subtract)},
		{Name: "multiply", Parameters: []Types{Any, Any}, Result: Any, run: binary(operand.multiply)},
		{Name: "divide", Parameters: []Types{Any, Any}, Result: Any, run: binary(operand.divide)},
		{Name: "modulo", Parameters: []Types{Any, Any}, Result: Any, run: binary(operand.modulo)},
		{Name: "sum", Parameters: []Types{Array}, Result: Any, run: sum},
		{Name: "round", Parameters: []Types{Number, Number}, Result: Number, run: round},
	}
}

// operand is a number, a quantity or a duration. Its operations answer with
// errMixed where the two kinds do not go together.
type operand interface {
	add(other operand) (operand, error)
	subtract(other operand) (operand, error)
	multiply(other operand) (operand, error)
	divide(other operand) (operand, error)
	modulo(other operand) (operand, error)
	// result is the operand as JMESPath has it: a number, or text.
	result() any
}

var (
	errMixed    = errors.New("these two kinds of values do not go together: numbers, quantities and durations")
	errZero     = errors.New("the divisor is zero")
	errFraction = errors.New("both values must be whole numbers")
)

// operandOf reads a number; text is a quantity, or else a duration.
func operandOf(argument any, position int) (operand, error) {
	switch typeOf(argument) {
	case Number:
		return scalar(number(argument)), nil
	case String:
		if parsed, ok := parseQuantity(str(argument)); ok {
			return parsed, nil
		}
		if parsed, err := time.ParseDuration(str(argument)); err == nil {
			return span(parsed), nil
		}
		return nil, fmt.Errorf("argument %d, %q, is neither a quantity such as 512Mi nor a duration such as 1h30m", position, str(argument))
	default:
		return nil, fmt.Errorf("argument %d must be a number, a quantity or a duration, not %s", position, described(argument))
	}
}

func binary(operation func(a, b operand) (operand, error)) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) {
		left, err := operandOf(arguments[0], 1)
		if err != nil {
			return nil, err
		}
		right, err := operandOf(arguments[1], 2)
		if err != nil {
			return nil, err
		}
		result, err := operation(alike(left, right))
		if err != nil {
			return nil, err
		}
		return finite(result.result())
	}
}

// alike reads what could be either, such as 30m, as a duration beside one.
// Alone it is a quantity.
func alike(a, b operand) (first, second operand) {
	if _, ok := a.(span); ok {
		return a, asSpan(b)
	}
	if _, ok := b.(span); ok {
		return asSpan(a), b
	}
	return a, b
}

func asSpan(o operand) operand {
	if q, ok := o.(quantity); ok {
		if parsed, err := time.ParseDuration(q.text); err == nil {
			return span(parsed)
		}
	}
	return o
}

// finite refuses numbers that JSON cannot hold.
func finite(result any) (any, error) {
	if n, ok := result.(float64); ok && (math.IsNaN(n) || math.IsInf(n, 0)) {
		return nil, errors.New("the result is too large")
	}
	return result, nil
}

// sum adds what is in an array, which must not be empty. A single element is
// returned as it is.
func sum(_ *Env, arguments []any) (any, error) {
	elements := list(arguments[0])
	if len(elements) == 0 {
		return nil, errors.New("the array must have at least one element")
	}
	if len(elements) == 1 {
		return elements[0], nil
	}
	total, err := operandOf(elements[0], 1)
	for _, element := range elements[1:] {
		if err != nil {
			return nil, err
		}
		var next operand
		if next, err = operandOf(element, 1); err == nil {
			total, next = alike(total, next)
			total, err = total.add(next)
		}
	}
	if err != nil {
		return nil, err
	}
	return finite(total.result())
}

// round to so many decimal places.
func round(_ *Env, arguments []any) (any, error) {
	places, err := integer(arguments[1])
	if err != nil {
		return nil, err
	}
	if places < 0 {
		return nil, fmt.Errorf("argument 2, %d, is a number of decimal places, which cannot be negative", places)
	}
	shift := math.Pow10(places)
	shifted := number(arguments[0]) * shift
	if math.IsInf(shifted, 0) || math.IsNaN(shifted) {
		return number(arguments[0]), nil
	}
	return math.Round(shifted) / shift, nil
}
