package function

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// scalar is a plain number.
type scalar float64

func (a scalar) result() any { return float64(a) }

func (a scalar) add(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	return a + b, nil
}

func (a scalar) subtract(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	return a - b, nil
}

func (a scalar) multiply(other operand) (operand, error) {
	if b, ok := other.(scalar); ok {
		return a * b, nil
	}
	return other.multiply(a)
}

func (a scalar) divide(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	if b == 0 {
		return nil, errZero
	}
	return a / b, nil
}

func (a scalar) modulo(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	rest, err := remainder(float64(a), float64(b))
	return scalar(rest), err
}

// remainder of whole numbers.
func remainder(a, b float64) (int64, error) {
	if a != math.Trunc(a) || b != math.Trunc(b) || math.Abs(a) >= 1<<63 || math.Abs(b) >= 1<<63 {
		return 0, errFraction
	}
	if b == 0 {
		return 0, errZero
	}
	return int64(a) % int64(b), nil
}

// span is a duration.
type span time.Duration

func (a span) result() any { return time.Duration(a).String() }

func (a span) seconds() float64 { return time.Duration(a).Seconds() }

func (a span) add(other operand) (operand, error) {
	b, ok := other.(span)
	if !ok {
		return nil, errMixed
	}
	return a + b, nil
}

func (a span) subtract(other operand) (operand, error) {
	b, ok := other.(span)
	if !ok {
		return nil, errMixed
	}
	return a - b, nil
}

func (a span) multiply(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	return span(a.seconds() * float64(b) * float64(time.Second)), nil
}

// divide by a duration gives a number, by a number a duration.
func (a span) divide(other operand) (operand, error) {
	switch b := other.(type) {
	case span:
		if b == 0 {
			return nil, errZero
		}
		return scalar(a.seconds() / b.seconds()), nil
	case scalar:
		if b == 0 {
			return nil, errZero
		}
		return span(a.seconds() / float64(b) * float64(time.Second)), nil
	default:
		return nil, errMixed
	}
}

func (a span) modulo(other operand) (operand, error) {
	b, ok := other.(span)
	if !ok {
		return nil, errMixed
	}
	if b == 0 {
		return nil, errZero
	}
	return a % b, nil
}

// quantity is an amount as Kubernetes writes it.
type quantity struct {
	resource.Quantity
	// text it was read from; empty for what was computed.
	text string
}

// Limits of what is read as a quantity, in characters and in the exponent:
// enough for any number, and too little for exponents that take all memory.
const (
	maxQuantity = 400
	maxExponent = 400
)

func parseQuantity(text string) (quantity, bool) {
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		exponent, err := strconv.Atoi(text[at+1:])
		if err == nil && max(exponent, -exponent) > maxExponent {
			return quantity{}, false
		}
	}
	if len(text) > maxQuantity {
		return quantity{}, false
	}
	parsed, err := resource.ParseQuantity(text)
	return quantity{parsed, text}, err == nil
}

func (a quantity) result() any { return a.String() }

func (a quantity) add(other operand) (operand, error) {
	b, ok := other.(quantity)
	if !ok {
		return nil, errMixed
	}
	total := a.DeepCopy()
	total.Add(b.Quantity)
	return quantity{Quantity: total}, nil
}

func (a quantity) subtract(other operand) (operand, error) {
	b, ok := other.(quantity)
	if !ok {
		return nil, errMixed
	}
	rest := a.DeepCopy()
	rest.Sub(b.Quantity)
	return quantity{Quantity: rest}, nil
}

// factor is a number as a quantity, so that it multiplies without loss.
func factor(n scalar) (quantity, error) {
	parsed, ok := parseQuantity(strconv.FormatFloat(float64(n), 'g', -1, 64))
	if !ok {
		return quantity{}, errMixed
	}
	return parsed, nil
}

func (a quantity) multiply(other operand) (operand, error) {
	b, ok := other.(scalar)
	if !ok {
		return nil, errMixed
	}
	by, err := factor(b)
	if err != nil {
		return nil, err
	}
	copied := a.DeepCopy()
	product := copied.AsDec()
	product.Mul(product, by.AsDec())
	return quantity{Quantity: *resource.NewDecimalQuantity(*product, a.Format)}, nil
}

// divide by a quantity gives a number, by a number a quantity.
func (a quantity) divide(other operand) (operand, error) {
	switch b := other.(type) {
	case quantity:
		if b.IsZero() {
			return nil, errZero
		}
		return scalar(a.AsApproximateFloat64() / b.AsApproximateFloat64()), nil
	case scalar:
		if b == 0 {
			return nil, errZero
		}
		return a.part(b)
	default:
		return nil, errMixed
	}
}

// part divides by a number, and rounds towards zero at the finer scale of both.
func (a quantity) part(n scalar) (operand, error) {
	by, err := factor(n)
	if err != nil {
		return nil, err
	}
	copied := a.DeepCopy()
	dividend, divisor := copied.AsDec(), by.AsDec()
	scale := max(dividend.Scale(), divisor.Scale())
	exponent := int64(scale) - int64(dividend.Scale()) + int64(divisor.Scale())
	numerator, denominator := new(big.Int).Set(dividend.UnscaledBig()), new(big.Int).Set(divisor.UnscaledBig())
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(exponent, -exponent)), nil)
	if exponent >= 0 {
		numerator.Mul(numerator, power)
	} else {
		denominator.Mul(denominator, power)
	}
	dividend.SetUnscaledBig(numerator.Quo(numerator, denominator)).SetScale(scale)
	return quantity{Quantity: *resource.NewDecimalQuantity(*dividend, a.Format)}, nil
}

func (a quantity) modulo(other operand) (operand, error) {
	b, ok := other.(quantity)
	if !ok {
		return nil, errMixed
	}
	rest, err := remainder(a.AsApproximateFloat64(), b.AsApproximateFloat64())
	if err != nil {
		return nil, err
	}
	return quantity{Quantity: *resource.NewQuantity(rest, a.Format)}, nil
}
