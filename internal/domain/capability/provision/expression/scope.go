package expression

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"sync"

	"github.com/google/cel-go/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// The variables that expressions see.
const (
	// Claim is the whole claim.
	Claim = "claim"
	// Spec is the claim's spec.
	Spec = "spec"
	// Tenant is whose claim it is.
	Tenant = "tenant"
	// Resources are the claim's objects as the cluster has them.
	Resources = "resources"
	// Each is an item of forEach.
	Each = "each"
	// Index is the item's place.
	Index = "index"
	// Self is the object that readyWhen is about.
	Self = "self"
)

// Base is the API server's environment, which all expressions of capabilities
// extend. It MUST NOT be changed.
var Base = sync.OnceValue(func() *cel.Env {
	return environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv()
})

// Scope is the variables that expressions of one revision see, with their
// types. It is immutable.
type Scope struct {
	env    *cel.Env
	schema *spec.Schema
}

// NewScope returns the scope of claims with a schema, as a Capability has it:
// OpenAPI v3 in JSON. resources are the ids under which expressions find the
// claim's objects; nil lets them use any name, by resources["Kind/name"].
func NewScope(schema []byte, resources []string) (*Scope, error) {
	parsed := &spec.Schema{}
	if err := json.Unmarshal(schema, parsed); err != nil {
		return nil, fmt.Errorf("read the claim's schema: %w", err)
	}
	made := &Scope{schema: parsed}
	types, variables := made.declare(resources)
	provider := apiservercel.NewDeclTypeProvider(types...)
	provider.SetRecognizeKeywordAsFieldName(true)
	options, err := provider.EnvOptions(Base().CELTypeProvider())
	if err != nil {
		return nil, fmt.Errorf("declare the claim's schema: %w", err)
	}
	for name, of := range variables {
		options = append(options, cel.Variable(name, of))
	}
	if made.env, err = Base().Extend(options...); err != nil {
		return nil, fmt.Errorf("declare the claim's schema: %w", err)
	}
	return made, nil
}

// declare gives the types of objects, and the variables.
func (s *Scope) declare(resources []string) ([]*apiservercel.DeclType, map[string]*cel.Type) {
	tenant := object("roadbed.Tenant", text("name", "businessUnit", "tier", "environment", "dataClass", "namespace"))
	metadata := object("roadbed.Metadata", text("name", "namespace", "uid"))
	labels := apiservercel.NewMapType(apiservercel.StringType, apiservercel.StringType, -1)
	for _, name := range []string{"labels", "annotations"} {
		metadata.Fields[name] = apiservercel.NewDeclField(name, labels, false, nil, nil)
	}
	claim := object("roadbed.Claim", text("apiVersion", "kind"))
	claim.Fields["metadata"] = apiservercel.NewDeclField("metadata", metadata, true, nil, nil)
	types := []*apiservercel.DeclType{tenant}
	variables := map[string]*cel.Type{
		Tenant: tenant.CelType(), Spec: cel.DynType,
		"capability": cel.StringType, "version": cel.StringType, "revision": cel.StringType,
		Resources: cel.MapType(cel.StringType, cel.DynType),
	}
	declared := openapi.SchemaDeclType(s.schema, false)
	if declared == nil {
		declared = apiservercel.DynType
	} else if declared.IsObject() {
		declared = declared.MaybeAssignTypeName("roadbed.Spec")
	}
	claim.Fields[Spec] = apiservercel.NewDeclField(Spec, declared, true, nil, nil)
	types, variables[Spec], variables[Claim] = append(types, claim), declared.CelType(), claim.CelType()
	if resources != nil {
		all := object("roadbed.Resources", nil)
		for _, id := range resources {
			all.Fields[id] = apiservercel.NewDeclField(id, apiservercel.DynType, false, nil, nil)
		}
		types, variables[Resources] = append(types, all), all.CelType()
	}
	return types, variables
}

func object(name string, fields map[string]*apiservercel.DeclField) *apiservercel.DeclType {
	if fields == nil {
		fields = map[string]*apiservercel.DeclField{}
	}
	return apiservercel.NewObjectType(name, fields)
}

func text(names ...string) map[string]*apiservercel.DeclField {
	fields := make(map[string]*apiservercel.DeclField, len(names))
	for _, name := range names {
		fields[name] = apiservercel.NewDeclField(name, apiservercel.StringType, true, nil, nil)
	}
	return fields
}

// With returns the scope with another variable, of the type of an expression's
// result or of any type.
func (s *Scope) With(name string, of *cel.Type) (*Scope, error) {
	env, err := s.env.Extend(cel.Variable(name, of))
	if err != nil {
		return nil, fmt.Errorf("declare %q: %w", name, err)
	}
	return &Scope{env: env, schema: s.schema}, nil
}

// Vars are the values of variables.
type Vars map[string]any

// Of are the variables that say what a claim is. resources are added by those
// who have them.
func (s *Scope) Of(in provision.Input) Vars {
	wishes := openapi.UnstructuredToVal(in.Spec, s.schema)
	metadata := map[string]any{
		"name": in.Claim.GetName(), "namespace": in.Tenant.Namespace, "uid": string(in.Claim.GetUID()),
		"labels": orEmpty(in.Claim.GetLabels()), "annotations": orEmpty(in.Claim.GetAnnotations()),
	}
	return Vars{
		Spec: wishes,
		Claim: map[string]any{
			"apiVersion": in.Claim.GetAPIVersion(), "kind": in.Claim.GetKind(), "metadata": metadata, Spec: wishes,
		},
		Tenant: map[string]any{
			"name": in.Tenant.Name, "businessUnit": in.Tenant.BusinessUnit, "tier": in.Tenant.Tier,
			"environment": in.Tenant.Environment, "dataClass": in.Tenant.DataClass, "namespace": in.Tenant.Namespace,
		},
		"capability": in.Capability, "version": in.Version, "revision": in.Revision,
		Resources: map[string]any{},
	}
}

func orEmpty(words map[string]string) map[string]string {
	if words == nil {
		return map[string]string{}
	}
	return words
}

// And returns the variables with another.
func (v Vars) And(name string, value any) Vars {
	more := maps.Clone(v)
	more[name] = value
	return more
}

// Number evaluates an expression over self, a claim, to a number. It is compiled
// each time. Its error is a FaultError.
func Number(ctx context.Context, field, source string, self map[string]any) (*big.Rat, error) {
	env, err := Base().Extend(cel.Variable(Self, cel.DynType))
	if err != nil {
		return nil, fmt.Errorf("declare %q: %w", Self, err)
	}
	var faults Faults
	compiled := (&Scope{env: env}).Compile(field, source, Anything, &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	value, _, err := compiled.JSON(ctx, Vars{Self: self}, NewBudget())
	if err != nil {
		return nil, err
	}
	switch number := value.(type) {
	case int64:
		return new(big.Rat).SetInt64(number), nil
	case float64:
		if made := new(big.Rat).SetFloat64(number); made != nil {
			return made, nil
		}
	}
	return nil, compiled.fault(fmt.Errorf("gives %v, not a number", value))
}
