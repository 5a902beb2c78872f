// Package jmespath compiles and runs JMESPath as kyverno.io/v1 policies have it:
// the language of jmespath.org with the functions of package function.
//
// It differs from the specification where Kyverno does. A key that an object
// does not have is an error that says which (NotFoundError) instead of null.
// Wherever an expression continues after a value that may be missing, the error
// counts as null: on both sides of ||, |, a comparison, on the left of &&, after
// !, in arguments of functions, in projections and in multi-selects. Before [],
// [? and .* any error counts as null, also that of a function: policies rely on
// it to pass over labels or annotations that are not there.
//
// Data is JSON as Kubernetes' libraries decode it: map[string]any, []any,
// string, bool, nil, and float64, int64 or int for numbers. A query never
// changes its data, and what it returns may share parts with it.
//
// A Query is immutable and safe for concurrent use. Expressions are limited in
// length and depth; neither compiling nor running one can panic.
package jmespath

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"
)

// Limits of an expression.
const (
	// MaxLength is the longest expression in bytes.
	MaxLength = 256 << 10
	// MaxDepth is how deeply brackets, operators and the like may nest.
	MaxDepth = 400
	// MaxChain is how many steps such as ".name" or "[0]" may follow each other.
	MaxChain = 4000
	// MaxResult is how long, as JSON, what a list or an object of expressions
	// makes may be, in bytes.
	MaxResult = 4 << 20
)

var errTooLarge = fmt.Errorf("the expression makes more than %d bytes", MaxResult)

// Env is what functions may use besides their arguments.
type Env = function.Env

// NotFoundError says that an object does not have a key.
type NotFoundError struct {
	// Key that is missing.
	Key string
}

// Error names the key.
func (e *NotFoundError) Error() string { return fmt.Sprintf("there is no key %q in the path", e.Key) }

// IsNotFound tells whether a search failed because of a missing key alone.
func IsNotFound(err error) bool {
	var missing *NotFoundError
	return errors.As(err, &missing)
}

// SyntaxError says why an expression does not compile.
type SyntaxError struct {
	// Expression as it was given.
	Expression string
	// Column of the fault, in characters from 1.
	Column int
	// Message says what is wrong.
	Message string
}

// Error shows the expression, or the part of it around the fault.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JMESPath expression %q, column %d: %s", shown(e.Expression, e.Column), e.Column, e.Message)
}

// shown is the expression, or the part around the column if it is long.
func shown(expression string, column int) string {
	const most = 200
	characters := []rune(expression)
	if len(characters) <= most {
		return expression
	}
	start := min(max(0, column-most/2), len(characters)-most)
	return "..." + string(characters[start:start+most]) + "..."
}

// Query is a compiled expression.
type Query struct {
	expression string
	root       node
}

// Compile parses an expression and checks the names of its functions and the
// number of their arguments. The error is a *SyntaxError.
func Compile(expression string) (*Query, error) {
	if len(expression) > MaxLength {
		return nil, &SyntaxError{Expression: expression, Column: 1, Message: fmt.Sprintf("the expression has %d bytes, at most %d are accepted", len(expression), MaxLength)}
	}
	if !utf8.ValidString(expression) {
		return nil, &SyntaxError{Expression: strings.ToValidUTF8(expression, "?"), Column: 1, Message: "the expression is not valid UTF-8"}
	}
	tokens, err := scan(expression)
	if err != nil {
		return nil, err
	}
	root, err := parse(expression, tokens)
	if err != nil {
		return nil, err
	}
	return &Query{expression: expression, root: root}, nil
}

// String is the expression as it was given.
func (q *Query) String() string { return q.expression }

// Search runs the query over data. Functions that need a clock or chance fail:
// use SearchIn where policies may call them.
func (q *Query) Search(data any) (any, error) { return q.SearchIn(Env{}, data) }

// SearchIn runs the query over data in an environment.
func (q *Query) SearchIn(env Env, data any) (any, error) {
	return q.root.eval(&env, data)
}
