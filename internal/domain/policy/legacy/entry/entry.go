package entry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// Entry is a compiled context entry.
type Entry struct {
	// Name of the variable.
	Name string
	load loader
}

// Load gives the value of the entry, from the variables defined before it.
func (e Entry) Load(ctx context.Context, w policy.World, vars *variable.Context) (any, error) {
	return e.load(asking{ctx, w}, vars)
}

// asking is what an entry may ask of the world, and for how long.
type asking struct {
	context context.Context
	world   policy.World
}

// loader gives the value of an entry.
type loader func(e asking, vars *variable.Context) (any, error)

// compiler compiles the entries of a rule.
type compiler struct{ *draft.Rule }

// Compile compiles context entries, each of which may use those before it. It
// returns the scope with their names.
func Compile(rule *draft.Rule, path string, sources []kyvernov1.ContextEntry, scope variable.Scope) ([]Entry, variable.Scope) {
	c := compiler{rule}
	return c.entries(path, sources, scope)
}

func (c compiler) entries(path string, sources []kyvernov1.ContextEntry, scope variable.Scope) ([]Entry, variable.Scope) {
	var made []Entry
	for i, source := range sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		if source.Name == "" {
			c.Wrong(at+".name", "a name is missing")
		}
		if load := c.loader(at, source, scope); load != nil {
			made = append(made, Entry{source.Name, load})
		}
		name, _, _ := strings.Cut(source.Name, ".")
		scope = scope.With(name)
	}
	return made, scope
}

func (c compiler) loader(path string, source kyvernov1.ContextEntry, scope variable.Scope) loader {
	switch {
	case source.Variable != nil:
		return c.variable(path+".variable", source.Variable, scope)
	case source.ConfigMap != nil:
		return c.configMap(path+".configMap", source.ConfigMap, scope)
	case source.APICall != nil:
		return c.apiCall(path+".apiCall", source.APICall, scope)
	case source.ImageRegistry != nil:
		return c.imageRegistry(path+".imageRegistry", source.ImageRegistry, scope)
	case source.GlobalReference != nil:
		return c.globalReference(path+".globalReference", source.GlobalReference, scope)
	}
	c.Wrong(path, "says not where the variable comes from; use one of variable, configMap, apiCall, imageRegistry and globalReference")
	return nil
}

// variable is a value, an expression over the variables, or an expression over
// the value; and a default where that gives nothing.
func (c compiler) variable(path string, source *kyvernov1.Variable, scope variable.Scope) loader {
	value := c.Template(path+".value", c.JSON(path+".value", source.Value), scope)
	fallback := c.Template(path+".default", c.JSON(path+".default", source.Default), scope)
	hasValue, hasDefault := source.Value != nil, source.Default != nil
	if !hasValue && source.JMESPath == "" {
		c.Wrong(path, "has neither value nor jmesPath")
		return nil
	}
	compile := c.QueryOfScope
	if hasValue {
		compile = c.Query
	}
	expression := compile(path+".jmesPath", source.JMESPath, scope)
	return func(_ asking, vars *variable.Context) (any, error) {
		found, err := found(value, hasValue, expression, vars)
		if (err != nil || found == nil) && hasDefault {
			found, err = fallback.Resolve(vars)
		}
		if err == nil && found == nil {
			err = errors.New("the variable has no value")
		}
		return found, err
	}
}

func found(value *variable.Template, hasValue bool, expression draft.Query, vars *variable.Context) (any, error) {
	if !hasValue {
		return expression.In(vars)
	}
	data, err := value.Resolve(vars)
	if err != nil {
		return nil, err
	}
	return expression.Of(data, vars)
}

func (c compiler) configMap(path string, source *kyvernov1.ConfigMapReference, scope variable.Scope) loader {
	name := c.Template(path+".name", source.Name, scope)
	namespace := c.Template(path+".namespace", source.Namespace, scope)
	resource := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	c.stay(path+".namespace", source.Namespace)
	return func(e asking, vars *variable.Context) (any, error) {
		in, err := draft.Text(namespace, vars)
		if err != nil {
			return nil, err
		}
		if in = cmp.Or(in, c.Namespace, "default"); c.own(in) != nil {
			return nil, c.own(in)
		}
		of, err := draft.Text(name, vars)
		if err != nil {
			return nil, err
		}
		if e.world.Lookup == nil {
			return nil, policy.ErrNoWorld
		}
		object, err := e.world.Lookup.Get(e.context, resource, in, of)
		if err != nil {
			return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", in, of, err)
		}
		return map[string]any{"data": orEmpty(object["data"]), "metadata": object["metadata"]}, nil
	}
}

func orEmpty(value any) any {
	if value == nil {
		return map[string]any{}
	}
	return value
}

func (c compiler) apiCall(path string, source *kyvernov1.ContextAPICall, scope variable.Scope) loader {
	call := c.call(path, source, scope)
	fallback := c.Template(path+".default", c.JSON(path+".default", source.Default), scope)
	expression := c.Query(path+".jmesPath", source.JMESPath, scope)
	return func(e asking, vars *variable.Context) (any, error) {
		answer, err := call(e, vars)
		switch {
		case err == nil:
			return expression.Of(answer, vars)
		case source.Default != nil:
			return fallback.Resolve(vars) // as it is: the query is about answers
		}
		return nil, err
	}
}

func (c compiler) imageRegistry(path string, source *kyvernov1.ImageRegistry, scope variable.Scope) loader {
	credentials := c.Credentials(path+".imageRegistryCredentials", source.ImageRegistryCredentials)
	reference := c.Template(path+".reference", source.Reference, scope)
	expression := c.Query(path+".jmesPath", source.JMESPath, scope)
	return func(e asking, vars *variable.Context) (any, error) {
		image, err := draft.Text(reference, vars)
		if err != nil {
			return nil, err
		}
		if e.world.Images == nil {
			return nil, policy.ErrNoWorld
		}
		described, err := e.world.With(credentials).Images.Describe(e.context, image)
		if err != nil {
			return nil, err
		}
		return expression.Of(described, vars)
	}
}

func (c compiler) globalReference(path string, source *kyvernov1.GlobalContextEntryReference, scope variable.Scope) loader {
	name := c.Template(path+".name", source.Name, scope)
	expression := c.Query(path+".jmesPath", source.JMESPath, scope)
	return func(e asking, vars *variable.Context) (any, error) {
		of, err := draft.Text(name, vars)
		if err != nil {
			return nil, err
		}
		if e.world.Lookup == nil {
			return nil, policy.ErrNoWorld
		}
		value, err := e.world.Lookup.Global(e.context, of)
		if err != nil {
			return nil, err
		}
		return expression.Of(value, vars)
	}
}
