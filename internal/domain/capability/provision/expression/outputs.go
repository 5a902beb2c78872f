package expression

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Outputs are what a claim tells of itself once everything that it consists of
// is ready. It is immutable.
type Outputs struct {
	connection, status map[string]*Expression
	endpoint           *Expression
}

// CompileOutputs compiles the fields connection, status and endpoint of a
// provisioner, which field names.
func (s *Scope) CompileOutputs(field string, connection, status map[string]v1alpha1.CELExpression, endpoint v1alpha1.CELExpression, faults *Faults) *Outputs {
	made := &Outputs{
		connection: s.compileAll(field+".connection", connection, Data, faults),
		status:     s.compileAll(field+".status", status, Anything, faults),
	}
	if endpoint != "" {
		made.endpoint = s.Compile(field+".endpoint", string(endpoint), Text, faults)
	}
	return made
}

func (s *Scope) compileAll(field string, sources map[string]v1alpha1.CELExpression, wanted Wanted, faults *Faults) map[string]*Expression {
	made := make(map[string]*Expression, len(sources))
	for _, key := range slices.Sorted(maps.Keys(sources)) {
		made[key] = s.Compile(fmt.Sprintf("%s[%s]", field, key), string(sources[key]), wanted, faults)
	}
	return made
}

// Keys are the keys of the connection Secret, sorted.
func (o *Outputs) Keys() []string { return slices.Sorted(maps.Keys(o.connection)) }

// Tell fills in what the claim tells of itself. Its error is a FaultError.
func (o *Outputs) Tell(ctx context.Context, vars Vars, budget *Budget, out *provision.Output) error {
	for _, key := range o.Keys() {
		data, err := o.connection[key].Bytes(ctx, vars, budget)
		if err != nil {
			return err
		}
		if out.Connection == nil {
			out.Connection = make(map[string][]byte, len(o.connection))
		}
		out.Connection[key] = data
	}
	for key, field := range o.status {
		value, ok, err := field.JSON(ctx, vars, budget)
		if err != nil {
			return err
		}
		if out.Status == nil {
			out.Status = make(map[string]any, len(o.status))
		}
		if ok {
			out.Status[key] = value
		}
	}
	if o.endpoint == nil {
		return nil
	}
	endpoint, err := o.endpoint.Bytes(ctx, vars, budget)
	out.Endpoint = string(endpoint)
	return err
}

// Foretell fills in what is known of it before there is any object.
func (o *Outputs) Foretell(ctx context.Context, vars Vars, budget *Budget, preview *provision.Preview) error {
	preview.ConnectionKeys = o.Keys()
	if o.endpoint == nil || o.endpoint.Reads(Resources) {
		return nil
	}
	endpoint, err := o.endpoint.Bytes(ctx, vars, budget)
	preview.Endpoint = string(endpoint)
	return err
}
