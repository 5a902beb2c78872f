// Package dialect is the environments that expressions are checked and planned
// in: the API server's own, and one with Kyverno's functions besides. They are
// built once and shared by all policies.
//
// Only packages of engine's folder use it.
package dialect

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

// Declarations say which variables an expression may use besides the object.
type Declarations = plugincel.OptionalVariableDeclarations

// Dialect is a set of functions that expressions may use, with one environment
// for each set of variables. It is immutable.
type Dialect struct {
	base *environment.EnvSet
	envs map[Declarations]*cel.Env
	// extended tells that there are functions that need a session.
	extended bool
	// mode tells what the API server evaluates from what it lets people write.
	mode environment.Type
}

var (
	kubernetes = sync.OnceValue(func() *Dialect { return must(environment.StoredExpressions) })
	admissible = sync.OnceValue(func() *Dialect { return must(environment.NewExpressions) })
	kyverno    = sync.OnceValue(func() *Dialect { return must(environment.StoredExpressions, library.Options()...) })
)

// Kubernetes is what the API server understands.
func Kubernetes() *Dialect { return kubernetes() }

// Admissible is what the API server lets people write: a function that is new in
// its version is evaluated, so that it can go back to the version before, and
// refused in what is written.
func Admissible() *Dialect { return admissible() }

// Kyverno is Kubernetes with Kyverno's functions.
func Kyverno() *Dialect { return kyverno() }

// Base is the environment without variables, to extend.
func (d *Dialect) Base() *environment.EnvSet { return d.base }

// Env is the environment with these variables.
func (d *Dialect) Env(declared Declarations) *cel.Env { return d.envs[declared] }

// Mode is how environments that extend Base are to be used.
func (d *Dialect) Mode() environment.Type { return d.mode }

// Extended tells that expressions must be evaluated in a session of package
// library.
func (d *Dialect) Extended() bool { return d.extended }

// must panics when the functions contradict each other, which no input
// can cause: the tests would have.
func must(mode environment.Type, functions ...cel.EnvOption) *Dialect {
	built, err := build(mode, functions)
	if err != nil {
		panic(fmt.Sprintf("the CEL environment is misconfigured: %v", err))
	}
	return built
}

func build(mode environment.Type, functions []cel.EnvOption) (*Dialect, error) {
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
	built := &Dialect{base: base, envs: map[Declarations]*cel.Env{}, extended: len(functions) > 0, mode: mode}
	own, err := base.Env(mode)
	if err != nil {
		return nil, err
	}
	for bits := range 8 {
		declared := Declarations{HasParams: bits&1 != 0, HasAuthorizer: bits&2 != 0, HasPatchTypes: bits&4 != 0}
		env, err := built.Declare(own, declared)
		if err != nil {
			return nil, err
		}
		built.envs[declared] = env
	}
	return built, nil
}

// Declare adds the variables of an admission request to an environment, as the
// API server does; Kyverno's requests hold the objects besides.
func (d *Dialect) Declare(env *cel.Env, declared Declarations) (*cel.Env, error) {
	request, namespace := plugincel.BuildRequestType(), plugincel.BuildNamespaceType()
	if d.extended {
		for _, name := range []string{plugincel.ObjectVarName, plugincel.OldObjectVarName} {
			request.Fields[name] = apiservercel.NewDeclField(name, apiservercel.DynType, false, nil, nil)
		}
	}
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

// Program plans a checked expression. The shared environment plans it, whatever
// environment checked it, so that no policy holds one of its own.
func (d *Dialect) Program(ast *cel.Ast, declared Declarations) (cel.Program, error) {
	planned, err := d.envs[declared].Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil || !d.extended {
		return planned, err
	}
	return library.Program(planned), nil
}
