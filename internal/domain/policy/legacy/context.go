package legacy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// entry is a compiled context entry.
type entry struct {
	name string
	load loader
}

// loader gives the value of an entry, from the variables defined before it.
type loader func(e *evaluation, vars *variable.Context) (any, error)

// entries compiles context entries, each of which may use those before it. It
// returns the scope with their names.
func (c *compiler) entries(path string, sources []kyvernov1.ContextEntry, scope variable.Scope) ([]entry, variable.Scope) {
	var made []entry
	for i, source := range sources {
		at := fmt.Sprintf("%s[%d]", path, i)
		if source.Name == "" {
			c.field(at+".name", "a name is missing")
		}
		if load := c.loader(at, source, scope); load != nil {
			made = append(made, entry{source.Name, load})
		}
		name, _, _ := strings.Cut(source.Name, ".")
		scope = scope.With(name)
	}
	return made, scope
}

func (c *compiler) loader(path string, source kyvernov1.ContextEntry, scope variable.Scope) loader {
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
	c.field(path, "says not where the variable comes from; use one of variable, configMap, apiCall, imageRegistry and globalReference")
	return nil
}

// variable is a value, an expression over the variables, or an expression over
// the value; and a default where that gives nothing.
func (c *compiler) variable(path string, source *kyvernov1.Variable, scope variable.Scope) loader {
	value := c.template(path+".value", c.json(path+".value", source.Value), scope)
	fallback := c.template(path+".default", c.json(path+".default", source.Default), scope)
	hasValue, hasDefault := source.Value != nil, source.Default != nil
	if !hasValue && source.JMESPath == "" {
		c.field(path, "has neither value nor jmesPath")
		return nil
	}
	var expression query
	if source.JMESPath != "" {
		expression = c.query(path+".jmesPath", source.JMESPath, scope)
	}
	if !hasValue && expression.compiled != nil {
		if err := scope.Allows(expression.compiled); err != nil {
			c.field(path+".jmesPath", "%v", err)
		}
	}
	return func(_ *evaluation, vars *variable.Context) (any, error) {
		found, err := found(value, hasValue, expression, vars)
		if (err != nil || found == nil) && hasDefault {
			found, err = fallback.Resolve(vars)
		}
		if err == nil && found == nil {
			err = fmt.Errorf("the variable has no value")
		}
		return found, err
	}
}

func found(value *variable.Template, hasValue bool, expression query, vars *variable.Context) (any, error) {
	if !hasValue {
		return expression.in(vars)
	}
	data, err := value.Resolve(vars)
	if err != nil {
		return nil, err
	}
	return expression.of(data, vars)
}

func (c *compiler) configMap(path string, source *kyvernov1.ConfigMapReference, scope variable.Scope) loader {
	name := c.template(path+".name", source.Name, scope)
	namespace := c.template(path+".namespace", source.Namespace, scope)
	resource := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	return func(e *evaluation, vars *variable.Context) (any, error) {
		in, err := textOf(namespace, vars)
		if err != nil {
			return nil, err
		}
		if in == "" {
			in = "default"
		}
		of, err := textOf(name, vars)
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

func (c *compiler) apiCall(path string, source *kyvernov1.ContextAPICall, scope variable.Scope) loader {
	if source.Service != nil {
		c.unsupported(c.rule.path+"."+path+".service", "calls of services are not supported: Roadbed asks the API server only; use urlPath")
		return nil
	}
	if source.URLPath == "" {
		c.field(path+".urlPath", "is missing")
	}
	address := c.template(path+".urlPath", source.URLPath, scope)
	fallback := c.template(path+".default", c.json(path+".default", source.Default), scope)
	data := c.requestData(path, source.Data, scope)
	var expression query
	if source.JMESPath != "" {
		expression = c.query(path+".jmesPath", source.JMESPath, scope)
	}
	method := source.Method
	if method == "" {
		method = "GET"
	}
	call := func(e *evaluation, vars *variable.Context) (any, error) {
		url, err := textOf(address, vars)
		if err != nil {
			return nil, err
		}
		body, err := data(vars)
		if err != nil {
			return nil, err
		}
		if e.world.Lookup == nil {
			return nil, policy.ErrNoWorld
		}
		return e.world.Lookup.Call(e.context, method, url, body)
	}
	return func(e *evaluation, vars *variable.Context) (any, error) {
		answer, err := call(e, vars)
		if err != nil && source.Default != nil {
			answer, err = fallback.Resolve(vars)
		}
		if err != nil {
			return nil, err
		}
		return expression.of(answer, vars)
	}
}

// requestData is the body of a call, an object of its entries; none for none.
func (c *compiler) requestData(path string, sources []kyvernov1.RequestData, scope variable.Scope) func(*variable.Context) (any, error) {
	if len(sources) == 0 {
		return func(*variable.Context) (any, error) { return nil, nil }
	}
	body := map[string]any{}
	for i, source := range sources {
		body[source.Key] = c.json(fmt.Sprintf("%s.data[%d].value", path, i), source.Value)
	}
	template := c.template(path+".data", body, scope)
	return func(vars *variable.Context) (any, error) { return template.Resolve(vars) }
}

func (c *compiler) imageRegistry(path string, source *kyvernov1.ImageRegistry, scope variable.Scope) loader {
	reference := c.template(path+".reference", source.Reference, scope)
	var expression query
	if source.JMESPath != "" {
		expression = c.query(path+".jmesPath", source.JMESPath, scope)
	}
	return func(e *evaluation, vars *variable.Context) (any, error) {
		image, err := textOf(reference, vars)
		if err != nil {
			return nil, err
		}
		if e.world.Images == nil {
			return nil, policy.ErrNoWorld
		}
		described, err := e.world.Images.Describe(e.context, image)
		if err != nil {
			return nil, err
		}
		return expression.of(described, vars)
	}
}

func (c *compiler) globalReference(path string, source *kyvernov1.GlobalContextEntryReference, scope variable.Scope) loader {
	name := c.template(path+".name", source.Name, scope)
	var expression query
	if source.JMESPath != "" {
		expression = c.query(path+".jmesPath", source.JMESPath, scope)
	}
	return func(e *evaluation, vars *variable.Context) (any, error) {
		of, err := textOf(name, vars)
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
		return expression.of(value, vars)
	}
}
