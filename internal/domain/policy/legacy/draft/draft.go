package draft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// Rule is a rule while it is compiled. It collects what is wrong with it. Paths
// that its methods take are below the rule.
type Rule struct {
	// Name of the rule as it is written.
	Name string
	// Path of the rule in the policy, "spec.rules[0]"; empty for what concerns the
	// policy as a whole.
	Path string
	// Namespace that the policy belongs to; empty for one of the cluster.
	Namespace string

	faults FaultsError
}

// Faults are what was noted, each once.
func (r *Rule) Faults() FaultsError { return r.faults }

// Wrong notes a fault of a field.
func (r *Rule) Wrong(path, format string, args ...any) {
	r.note(Fault{Rule: r.Name, Field: r.at(path), Message: fmt.Sprintf(format, args...)})
}

// Unsupported notes what Roadbed does not do.
func (r *Rule) Unsupported(path, message string) {
	r.note(Fault{Rule: r.Name, Field: r.at(path), Message: message, Unsupported: true})
}

func (r *Rule) at(path string) string {
	if path == "" || r.Path == "" {
		return r.Path + path
	}
	return r.Path + "." + path
}

func (r *Rule) note(fault Fault) {
	if !slices.Contains(r.faults, fault) {
		r.faults = append(r.faults, fault)
	}
}

// Template parses a tree with variables. It is nil when something is wrong.
func (r *Rule) Template(path string, tree any, scope variable.Scope) *variable.Template {
	parsed, err := variable.Parse(tree, path, scope)
	if err == nil {
		return parsed
	}
	for message := range strings.SplitSeq(err.Error(), "\n") {
		r.Wrong(path, "%s", strings.TrimPrefix(message, "at "+path+": "))
	}
	return nil
}

// JSON decodes a field that holds any JSON.
func (r *Rule) JSON(path string, source *kyvernov1.JSON) any {
	value, err := source.Value()
	if err != nil {
		r.Wrong(path, "is no JSON: %v", err)
	}
	return value
}

// Query compiles an expression over data, which may have variables in it. An
// empty one is no expression.
func (r *Rule) Query(path, source string, scope variable.Scope) Query {
	if source == "" {
		return Query{}
	}
	if strings.Contains(source, "{{") {
		return Query{template: r.Template(path, source, scope)}
	}
	compiled, err := jmespath.Compile(source)
	var syntax *jmespath.SyntaxError
	switch {
	case errors.As(err, &syntax):
		r.Wrong(path, "%s", syntax.Error())
	case err != nil:
		r.Wrong(path, "%v", err)
	}
	return Query{compiled: compiled}
}

// QueryOfScope is Query for an expression over the variables of a scope.
func (r *Rule) QueryOfScope(path, source string, scope variable.Scope) Query {
	made := r.Query(path, source, scope)
	if made.compiled == nil {
		return made
	}
	if err := scope.Allows(made.compiled); err != nil {
		r.Wrong(path, "%v", err)
	}
	return made
}

// Strictly decodes JSON and refuses fields that do not exist.
func Strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
