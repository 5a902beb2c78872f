package engine

import (
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
)

// conditions and mutations hand the API server's code what was compiled before:
// CompositedCompiler adds the policy's variables to whatever they return.
type (
	conditions struct{ results []plugincel.CompilationResult }
	mutations  struct{ result plugincel.CompilationResult }
)

// CompileCondition returns the results it holds.
func (c conditions) CompileCondition([]plugincel.ExpressionAccessor, dialect.Declarations, environment.Type) plugincel.ConditionEvaluator {
	return plugincel.NewCondition(c.results)
}

// CompileMutatingEvaluator returns the result it holds.
func (m mutations) CompileMutatingEvaluator(plugincel.ExpressionAccessor, dialect.Declarations, environment.Type) plugincel.MutatingEvaluator {
	return plugincel.NewMutatingEvaluator(m.result)
}

// condition joins compiled expressions to the policy's variables.
func (c *compiler) condition(results []plugincel.CompilationResult) plugincel.ConditionEvaluator {
	if c.composed == nil {
		return plugincel.NewCondition(results)
	}
	c.composed.ConditionCompiler = conditions{results}
	defer func() { c.composed.ConditionCompiler = conditions{} }()
	return c.composed.CompileCondition(nil, dialect.Declarations{}, environment.StoredExpressions)
}

// mutation joins a compiled expression to the policy's variables.
func (c *compiler) mutation(result plugincel.CompilationResult) plugincel.MutatingEvaluator {
	if c.composed == nil {
		return plugincel.NewMutatingEvaluator(result)
	}
	c.composed.MutatingCompiler = mutations{result}
	defer func() { c.composed.MutatingCompiler = mutations{} }()
	return c.composed.CompileMutatingEvaluator(nil, dialect.Declarations{}, environment.StoredExpressions)
}
