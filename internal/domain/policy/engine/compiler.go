package engine

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	k8slibrary "k8s.io/apiserver/pkg/cel/library"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// compiler compiles the expressions of one policy and collects what is wrong
// with them. It stands in for the API server's, which builds eight environments
// for each policy.
type compiler struct {
	dialect *dialect.Dialect
	// composed holds the policy's variables; nil when it has none.
	composed *plugincel.CompositedCompiler
	// checking are the environments that know the variables' types.
	checking map[dialect.Declarations]*cel.Env
	// at is the field that is being compiled.
	at     string
	faults FaultsError
}

var _ plugincel.Compiler = (*compiler)(nil)

// newCompiler compiles the variables, in order: each sees those before it.
func newCompiler(d *dialect.Dialect, s source, declared dialect.Declarations) *compiler {
	c := &compiler{dialect: d}
	path, variables := s.path, s.variables
	if len(variables) == 0 {
		return c
	}
	composed, err := plugincel.NewCompositedCompilerForTypeChecking(d.Base())
	if err != nil {
		c.faults = append(c.faults, Fault{Field: path + ".variables", Message: err.Error()})
		return c
	}
	composed.Compiler, c.composed, c.checking = c, composed, map[dialect.Declarations]*cel.Env{}
	for i, variable := range variables {
		c.at = fmt.Sprintf("%s.variables[%d].expression", path, i)
		composed.CompileAndStoreVariable(
			&validating.Variable{Name: variable.Name, Expression: variable.Expression}, declared, environment.StoredExpressions)
	}
	// The API server's code keeps hold of its compilers; the programs do not
	// need them.
	composed.Compiler = nil
	composed.ConditionCompiler, composed.MutatingCompiler = conditions{}, mutations{}
	return c
}

// compile compiles one expression of a field.
func (c *compiler) compile(field string, accessor plugincel.ExpressionAccessor, declared dialect.Declarations) plugincel.CompilationResult {
	c.at = field
	return c.CompileCELExpression(accessor, declared, environment.StoredExpressions)
}

// CompileCELExpression compiles for stored expressions, whatever the mode.
func (c *compiler) CompileCELExpression(accessor plugincel.ExpressionAccessor, declared dialect.Declarations, _ environment.Type) plugincel.CompilationResult {
	result := plugincel.CompilationResult{ExpressionAccessor: accessor}
	env, err := c.env(declared)
	if err != nil {
		c.fault(err.Error())
		return result
	}
	ast, issues := env.Compile(accessor.GetExpression())
	if issues != nil && issues.Err() != nil {
		c.faults = append(c.faults, faultsOf(c.at, issues)...)
		return result
	}
	if !returns(ast.OutputType(), accessor.ReturnTypes()) {
		c.fault(wrongType(ast.OutputType(), accessor.ReturnTypes()))
		return result
	}
	if complaint := c.judge(env, ast); complaint != nil {
		complaint.Field = c.at
		c.faults = append(c.faults, *complaint)
		return result
	}
	program, err := c.dialect.Program(ast, declared)
	if err != nil {
		c.fault(err.Error())
		return result
	}
	result.Program, result.OutputType = program, ast.OutputType()
	return result
}

func (c *compiler) fault(message string) {
	c.faults = append(c.faults, Fault{Field: c.at, Message: message})
}

// env is the environment that checks: the shared one, or one that knows the
// types of the policy's variables.
func (c *compiler) env(declared dialect.Declarations) (*cel.Env, error) {
	if c.composed == nil {
		return c.dialect.Env(declared), nil
	}
	if env, ok := c.checking[declared]; ok {
		return env, nil
	}
	knowing, err := c.composed.Env(c.dialect.Mode())
	if err != nil {
		return nil, err
	}
	env, err := c.dialect.Declare(knowing, declared)
	if err == nil {
		c.checking[declared] = env
	}
	return env, err
}

// judge finds what type checks do not.
func (c *compiler) judge(env *cel.Env, ast *cel.Ast) *Fault {
	if c.dialect.Extended() {
		if name := library.Unsupported(ast); name != "" {
			return &Fault{Message: name + " is not supported: Roadbed's policies create nothing", Unsupported: true}
		}
	}
	estimate, err := env.EstimateCost(ast, &k8slibrary.CostEstimator{SizeEstimator: unknownSizes{}})
	if err == nil && estimate.Min > celconfig.PerCallLimit {
		return &Fault{Message: fmt.Sprintf(
			"costs at least %d, whatever the object, and the API server stops at %d: simplify the expression or nest fewer loops",
			estimate.Min, celconfig.PerCallLimit)}
	}
	return nil
}

// unknownSizes knows the size of nothing, so that estimates are lower bounds.
type unknownSizes struct{}

func (unknownSizes) EstimateSize(checker.AstNode) *checker.SizeEstimate { return nil }

func (unknownSizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// returns is the API server's rule for what an expression may evaluate to.
func returns(output *cel.Type, wanted []*cel.Type) bool {
	for _, want := range wanted {
		if output.IsExactType(want) || cel.AnyType.IsExactType(want) {
			return true
		}
	}
	return false
}

func wrongType(output *cel.Type, wanted []*cel.Type) string {
	if len(wanted) == 1 {
		return fmt.Sprintf("must evaluate to %v but got %v", wanted[0], output)
	}
	return fmt.Sprintf("must evaluate to one of %v but got %v", wanted, output)
}
