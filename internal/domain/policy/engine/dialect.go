package engine

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	k8slibrary "k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// declarations say which variables an expression may use besides the object.
type declarations = plugincel.OptionalVariableDeclarations

// dialect is a set of functions that expressions may use, with one environment
// for each set of variables. It is built once and shared by all policies.
type dialect struct {
	base *environment.EnvSet
	envs map[declarations]*cel.Env
	// extended tells that there are functions that need a session.
	extended bool
}

// kubernetes is what the API server understands; kyverno adds Kyverno's
// functions.
var (
	kubernetes = sync.OnceValue(func() *dialect { return mustDialect() })
	kyverno    = sync.OnceValue(func() *dialect { return mustDialect(library.Options()...) })
)

// mustDialect panics when the functions contradict each other, which no input
// can cause: the tests would have.
func mustDialect(functions ...cel.EnvOption) *dialect {
	built, err := newDialect(functions)
	if err != nil {
		panic(fmt.Sprintf("the CEL environment is misconfigured: %v", err))
	}
	return built
}

func newDialect(functions []cel.EnvOption) (*dialect, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	if len(functions) > 0 {
		extended, err := base.Extend(environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: functions,
		})
		if err != nil {
			return nil, err
		}
		base = extended
	}
	built := &dialect{base: base, envs: map[declarations]*cel.Env{}, extended: len(functions) > 0}
	for bits := range 8 {
		declared := declarations{HasParams: bits&1 != 0, HasAuthorizer: bits&2 != 0, HasPatchTypes: bits&4 != 0}
		env, err := declare(base.StoredExpressionsEnv(), declared)
		if err != nil {
			return nil, err
		}
		built.envs[declared] = env
	}
	return built, nil
}

// declare adds the variables of an admission request to an environment, as the
// API server does.
func declare(env *cel.Env, declared declarations) (*cel.Env, error) {
	request, namespace := plugincel.BuildRequestType(), plugincel.BuildNamespaceType()
	provider := apiservercel.NewDeclTypeProvider(namespace, request)
	provider.SetRecognizeKeywordAsFieldName(true)
	options, err := provider.EnvOptions(env.CELTypeProvider())
	if err != nil {
		return nil, err
	}
	options = append(options,
		cel.Variable(plugincel.ObjectVarName, cel.DynType),
		cel.Variable(plugincel.OldObjectVarName, cel.DynType),
		cel.Variable(plugincel.NamespaceVarName, namespace.CelType()),
		cel.Variable(plugincel.RequestVarName, request.CelType()))
	if declared.HasParams {
		options = append(options, cel.Variable(plugincel.ParamsVarName, cel.DynType))
	}
	if declared.HasAuthorizer {
		options = append(options,
			cel.Variable(plugincel.AuthorizerVarName, k8slibrary.AuthorizerType),
			cel.Variable(plugincel.RequestResourceAuthorizerVarName, k8slibrary.ResourceCheckType))
	}
	declaring, err := env.Extend(options...)
	if err != nil || !declared.HasPatchTypes {
		return declaring, err
	}
	return declaring.Extend(common.ResolverEnvOption(&mutation.DynamicTypeResolver{}), k8slibrary.JSONPatch())
}

// program plans a checked expression. The shared environment plans it, whatever
// environment checked it, so that no policy holds one of its own.
func (d *dialect) program(ast *cel.Ast, declared declarations) (cel.Program, error) {
	planned, err := d.envs[declared].Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil || !d.extended {
		return planned, err
	}
	return library.Program(planned), nil
}
