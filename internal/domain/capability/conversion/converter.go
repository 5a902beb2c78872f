package conversion

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

// ErrUnknownVersion is returned for a version that the Capability does not have.
var ErrUnknownVersion = errors.New("the capability has no such version")

// Converter converts the claims of one Capability. It is immutable, and safe for
// concurrent use.
type Converter struct {
	group    string
	schemas  map[string]*schema.Props
	programs map[step][]rule
}

// step is from one version to another.
type step struct{ from, to string }

// rule is a compiled rule.
type rule struct {
	field    []string
	program  cel.Program // nil without an expression
	fallback any
}

// New compiles a Capability's rules. An error names the rule that is wrong.
func New(c *v1alpha1.Capability) (*Converter, error) {
	made := &Converter{group: capability.Group(c), schemas: map[string]*schema.Props{}, programs: map[step][]rule{}}
	env, err := expression.Base().Extend(cel.Variable("self", cel.DynType))
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	for _, v := range capability.Living(c) {
		if made.schemas[v.Name], err = capability.ClaimSchema(v); err != nil {
			return nil, err
		}
		for i := range v.Conversions {
			rules, err := compile(env, &v.Conversions[i])
			if err != nil {
				return nil, fmt.Errorf("version %q: conversion from %q: %w", v.Name, v.Conversions[i].From, err)
			}
			made.programs[step{v.Conversions[i].From, v.Name}] = rules
		}
	}
	return made, nil
}

func compile(env *cel.Env, conversion *v1alpha1.Conversion) ([]rule, error) {
	var rules []rule
	for i := range conversion.Rules {
		source := &conversion.Rules[i]
		compiled := rule{field: strings.Split(source.Field, ".")}
		var err error
		if source.Default != nil {
			if err := utiljson.Unmarshal(source.Default.Raw, &compiled.fallback); err != nil {
				return nil, fmt.Errorf("%s: default: %w", source.Field, err)
			}
		}
		if source.Expression != "" {
			if compiled.program, err = program(env, source.Expression); err != nil {
				return nil, fmt.Errorf("%s: expression %q: %w", source.Field, source.Expression, err)
			}
		}
		rules = append(rules, compiled)
	}
	return rules, nil
}

// costLimit bounds one expression, as the API server bounds its own.
const costLimit = 1_000_000

func program(env *cel.Env, source string) (cel.Program, error) {
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	return env.Program(ast, cel.CostLimit(costLimit))
}

// Convert returns the claim in the version. It does not change the claim.
func (c *Converter) Convert(claim map[string]any, to string) (map[string]any, error) {
	from := versionOf(claim)
	if from == to {
		return claim, nil
	}
	made, err := c.forget(claim, to)
	if err != nil {
		return nil, err
	}
	return made, c.remember(claim, made, from, to)
}

func versionOf(claim map[string]any) string {
	version, _ := claim["apiVersion"].(string)
	return version[strings.LastIndexByte(version, '/')+1:]
}

// forget converts without keeping what the version lacks.
func (c *Converter) forget(claim map[string]any, to string) (map[string]any, error) {
	from := versionOf(claim)
	source, target := c.schemas[from], c.schemas[to]
	if source == nil || target == nil {
		return nil, fmt.Errorf("from %q to %q: %w", from, to, ErrUnknownVersion)
	}
	made := map[string]any{"apiVersion": c.group + "/" + to, "kind": claim["kind"]}
	if metadata, ok := claim["metadata"].(map[string]any); ok {
		made["metadata"] = runtime.DeepCopyJSON(metadata)
	}
	for _, part := range []string{"spec", "status"} {
		was, there := claim[part].(map[string]any)
		if !there {
			continue
		}
		before, after := source.Properties[part], target.Properties[part]
		made[part] = common(runtime.DeepCopyJSON(was), &before, &after)
	}
	if err := apply(c.programs[step{from, to}], claim, made); err != nil {
		return nil, fmt.Errorf("from %q to %q: %w", from, to, err)
	}
	return made, nil
}

// common keeps of an object what both schemas have with the same type. It
// changes the object.
func common(object map[string]any, was, is *schema.Props) map[string]any {
	for name, value := range object {
		before, known := was.Properties[name]
		after, kept := is.Properties[name]
		switch {
		case !known && !kept:
			if is.XPreserveUnknownFields == nil && is.AdditionalProperties == nil {
				delete(object, name)
			}
		case !kept || schema.TypeOf(&before) != schema.TypeOf(&after):
			delete(object, name)
		default:
			if below, ok := value.(map[string]any); ok {
				object[name] = common(below, &before, &after)
			}
		}
	}
	return object
}

func apply(rules []rule, claim, made map[string]any) error {
	for _, r := range rules {
		if _, there := claim[r.field[0]]; !there {
			continue
		}
		value, err := r.value(claim)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(r.field, "."), err)
		}
		if value == nil {
			continue
		}
		if err := unstructured.SetNestedField(made, value, r.field...); err != nil {
			return fmt.Errorf("set %s: %w", strings.Join(r.field, "."), err)
		}
	}
	return nil
}

// value is what the rule sets; nil sets nothing. An expression that reads what
// is not there leaves it to the default.
func (r *rule) value(claim map[string]any) (any, error) {
	if r.program != nil {
		result, _, err := r.program.Eval(map[string]any{"self": claim})
		switch {
		case err == nil:
			return native(result)
		case !strings.Contains(err.Error(), "no such key"):
			return nil, err
		}
	}
	return runtime.DeepCopyJSONValue(r.fallback), nil
}

// native is a CEL value as JSON has it.
func native(value interface{ Value() any }) (any, error) {
	raw, err := json.Marshal(plain(value.Value()))
	if err != nil {
		return nil, fmt.Errorf("the expression's value cannot be written as JSON: %w", err)
	}
	var decoded any
	return decoded, utiljson.Unmarshal(raw, &decoded)
}
