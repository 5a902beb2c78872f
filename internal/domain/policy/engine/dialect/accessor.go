package dialect

import (
	"github.com/google/cel-go/cel"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
)

// Text is an expression that gives a string.
type Text string

// List is an expression that gives a list of strings.
type List string

var (
	_ plugincel.ExpressionAccessor = Text("")
	_ plugincel.ExpressionAccessor = List("")
)

// GetExpression returns the expression.
func (e Text) GetExpression() string { return string(e) }

// ReturnTypes are string, or what is a string only when it is evaluated.
func (e Text) ReturnTypes() []*cel.Type { return []*cel.Type{cel.StringType, cel.DynType} }

// GetExpression returns the expression.
func (e List) GetExpression() string { return string(e) }

// ReturnTypes are a list of strings, or what may be one.
func (e List) ReturnTypes() []*cel.Type {
	return []*cel.Type{cel.ListType(cel.StringType), cel.ListType(cel.DynType), cel.DynType}
}
