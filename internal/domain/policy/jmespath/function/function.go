// Package function holds the functions of JMESPath: those of jmespath.org and
// those that kyverno.io/v1 policies add.
//
// Functions are pure but for what Env gives them. They check the number and the
// types of their arguments, say in an error which one is wrong, never change
// what they are given, and refuse to make strings longer than MaxText.
package function

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// MaxText is the longest string in bytes that a function makes.
const MaxText = 4 << 20

// Env is what functions may use besides their arguments. What is not set makes
// the functions that want it fail.
type Env struct {
	// Now is the time of the decision.
	Now time.Time
	// Random returns a number from 0 up to, not including, n.
	Random func(n int) int
	// Resolve returns the addresses of a host name.
	Resolve func(host string) ([]netip.Addr, error)
	// DefaultRegistry stands for an image's registry where it names none;
	// docker.io unless it is set.
	DefaultRegistry string
}

// Expression is an argument written as "&expression".
type Expression func(data any) (any, error)

// Types that a parameter accepts, as a set.
type Types uint16

// The types.
const (
	Null Types = 1 << iota
	Boolean
	Number
	String
	Array
	Object
	ExpressionType
	// NumberArray and StringArray are arrays of nothing else.
	NumberArray
	StringArray
	// Any is every JSON value.
	Any = Null | Boolean | Number | String | Array | Object
)

// names of the types, in the order of their bits.
var names = []string{"null", "boolean", "number", "string", "array", "object", "expression", "array of numbers", "array of strings"}

// String lists the types, such as "string or number".
func (t Types) String() string {
	if t&Any == Any {
		return "any"
	}
	var all []string
	for i, name := range names {
		if t&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return strings.Join(all, " or ")
}

// accepts tells whether an argument is of one of the types.
func (t Types) accepts(argument any) bool {
	if t&typeOf(argument) != 0 {
		return true
	}
	list, ok := argument.([]any)
	return ok && (t&NumberArray != 0 && all(list, Number) || t&StringArray != 0 && all(list, String))
}

func all(list []any, wanted Types) bool {
	return !slices.ContainsFunc(list, func(element any) bool { return typeOf(element)&wanted == 0 })
}

// typeOf is zero for what JSON does not have.
func typeOf(argument any) Types {
	if _, ok := argument.(Expression); ok {
		return ExpressionType
	}
	position := slices.Index(names, value.Type(argument))
	if position < 0 {
		return 0
	}
	return 1 << position
}

// Function is one function of the language. It is immutable.
type Function struct {
	// Name as expressions call it.
	Name string
	// Parameters are the types of the arguments, in order.
	Parameters []Types
	// Variadic functions take the last parameter once or more often.
	Variadic bool
	// Result is what the function returns.
	Result Types

	run func(env *Env, arguments []any) (any, error)
	// bind returns run for a first argument that is known beforehand.
	bind func(first string) (func(env *Env, arguments []any) (any, error), error)
}

// Bind returns the function prepared for a first argument that every call will
// have: what is wrong with it is said at once, and it is read only once.
func (f Function) Bind(first string) (Function, error) {
	if f.bind == nil {
		return f, nil
	}
	run, err := f.bind(first)
	if err != nil {
		return f, fmt.Errorf("function %q: %w", f.Name, err)
	}
	f.run = run
	return f, nil
}

// Signature describes a function, such as "add(any, any) any".
func (f Function) Signature() string {
	var parameters []string
	for _, types := range f.Parameters {
		parameters = append(parameters, types.String())
	}
	if f.Variadic {
		parameters = append(parameters, "...")
	}
	return fmt.Sprintf("%s(%s) %s", f.Name, strings.Join(parameters, ", "), f.Result)
}

// Accepts tells whether the function takes so many arguments.
func (f Function) Accepts(count int) error {
	wanted := len(f.Parameters)
	if count == wanted || f.Variadic && count > wanted {
		return nil
	}
	more := ""
	if f.Variadic {
		more = " or more"
	}
	return fmt.Errorf("function %q takes %d%s arguments, not %d", f.Name, wanted, more, count)
}

// Call runs the function.
func (f Function) Call(env *Env, arguments []any) (any, error) {
	if err := f.Accepts(len(arguments)); err != nil {
		return nil, err
	}
	for i, argument := range arguments {
		wanted := f.Parameters[min(i, len(f.Parameters)-1)]
		if !wanted.accepts(argument) {
			return nil, fmt.Errorf("function %q: argument %d must be of type %s, not %s", f.Name, i+1, wanted, described(argument))
		}
	}
	result, err := f.run(env, arguments)
	if err != nil {
		return nil, fmt.Errorf("function %q: %w", f.Name, err)
	}
	return result, nil
}

func described(argument any) string {
	if typeOf(argument) == ExpressionType {
		return "expression"
	}
	return value.Type(argument)
}

// Find returns the function of a name.
func Find(name string) (Function, bool) {
	found, ok := table[name]
	return found, ok
}

// All returns the functions in the order of their names.
func All() []Function {
	functions := make([]Function, 0, len(table))
	for _, f := range table {
		functions = append(functions, f)
	}
	slices.SortFunc(functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return functions
}

// table is built once and never changed.
var table = func() map[string]Function {
	byName := map[string]Function{}
	for _, group := range [][]Function{standard(), ordering(), text(), collections(), arithmetic(), times(), encodings(), networks()} {
		for _, f := range group {
			byName[f.Name] = f
		}
	}
	return byName
}()

// limited refuses text that is too long.
func limited(text string) (any, error) {
	if len(text) > MaxText {
		return nil, tooLong(len(text))
	}
	return text, nil
}

func tooLong(length int) error {
	return fmt.Errorf("the result would have %d bytes, at most %d are made", length, MaxText)
}

// number of an argument that was checked to be one.
func number(argument any) float64 {
	n, _ := value.Number(argument)
	return n
}

// integer of an argument that was checked to be a number.
func integer(argument any) (int, error) {
	n := number(argument)
	if n != float64(int32(n)) {
		return 0, fmt.Errorf("%v is not an integer of 32 bits", n)
	}
	return int(n), nil
}

// str is an argument that was checked to be a string.
func str(argument any) string {
	s, _ := argument.(string)
	return s
}

// list is an argument that was checked to be an array.
func list(argument any) []any {
	l, _ := argument.([]any)
	return l
}

// object is an argument that was checked to be one.
func object(argument any) map[string]any {
	o, _ := argument.(map[string]any)
	return o
}
