package template

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
)

// field is where faults begin.
const field = "provisioner.template"

// Template is a compiled template. It is immutable.
type Template struct {
	scope *expression.Scope
	// resources are in the order in which they are made.
	resources []*resource
	outputs   *expression.Outputs
}

var _ provision.Renderer = (*Template)(nil)

// resource is one object of the template, or one for each item of a list.
type resource struct {
	id, field   string
	apiVersion  string
	kind        string
	name        *expression.Tree // nil for the claim's own name
	manifest    *expression.Tree
	forEach     *expression.Expression
	includeWhen []*expression.Expression
	readyWhen   []*expression.Expression
	// needs are the ids that must be ready before, sorted.
	needs []string
}

// Compile compiles a template for claims with a schema: OpenAPI v3 in JSON. The
// error names every fault by its field.
func Compile(source *v1alpha1.TemplateProvisioner, schema []byte) (*Template, error) {
	ids := make([]string, 0, len(source.Resources))
	for _, each := range source.Resources {
		ids = append(ids, each.ID)
	}
	scope, err := expression.NewScope(schema, ids)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", provision.ErrInvalid, err)
	}
	var faults expression.Faults
	made := &Template{scope: scope}
	for i := range source.Resources {
		made.resources = append(made.resources, compile(scope, &source.Resources[i], ids, &faults))
	}
	made.outputs = scope.CompileOutputs(field, source.Connection, source.Status, source.Endpoint, &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if made.resources, err = ordered(made.resources); err != nil {
		return nil, err
	}
	return made, nil
}

// compile compiles one object.
func compile(scope *expression.Scope, source *v1alpha1.TemplateResource, ids []string, faults *expression.Faults) *resource {
	made := &resource{id: source.ID, field: fmt.Sprintf("%s.resources[%s]", field, source.ID)}
	inner := made.loop(scope, string(source.ForEach), faults)
	for i, condition := range source.IncludeWhen {
		at := fmt.Sprintf("%s.includeWhen[%d]", made.field, i)
		made.includeWhen = append(made.includeWhen, early(scope.Compile(at, string(condition), expression.Condition, faults), at, faults))
	}
	about, err := inner.With(expression.Self, cel.DynType)
	if err != nil {
		faults.Add(made.field, "%v", err)
		return made
	}
	for i, condition := range source.ReadyWhen {
		at := fmt.Sprintf("%s.readyWhen[%d]", made.field, i)
		made.readyWhen = append(made.readyWhen, about.Compile(at, string(condition), expression.Condition, faults))
	}
	made.object(inner, source.Manifest.Raw, faults)
	made.depend(source.DependsOn, ids, faults)
	return made
}

// loop compiles forEach and returns the scope of the manifest.
func (r *resource) loop(scope *expression.Scope, source string, faults *expression.Faults) *expression.Scope {
	if source == "" {
		return scope
	}
	at := r.field + ".forEach"
	if r.forEach = early(scope.Compile(at, source, expression.List, faults), at, faults); r.forEach == nil {
		return scope
	}
	item := cel.DynType
	if of := r.forEach.Output().Parameters(); len(of) == 1 {
		item = of[0]
	}
	inner, err := scope.With(expression.Each, item)
	if err == nil {
		inner, err = inner.With(expression.Index, cel.IntType)
	}
	if err != nil {
		faults.Add(at, "%v", err)
		return scope
	}
	return inner
}

// early refuses an expression that reads other objects where it decides which
// objects there are: a preview could not say it.
func early(e *expression.Expression, at string, faults *expression.Faults) *expression.Expression {
	if e != nil && e.Reads(expression.Resources) {
		faults.Add(at, "%q reads resources, but which objects there are must follow from the claim alone: use claim, spec or tenant", e.Source())
	}
	return e
}

// allowed are the fields of an object's metadata that a template may set.
var allowed = []string{"annotations", "labels", "name"}

// object compiles the manifest.
func (r *resource) object(scope *expression.Scope, raw []byte, faults *expression.Faults) {
	at := r.field + ".manifest"
	var content map[string]any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		faults.Add(at, "is no object: %v", err)
		return
	}
	r.apiVersion, r.kind = constant(content, at, "apiVersion", faults), constant(content, at, "kind", faults)
	if _, set := content["status"]; set {
		faults.Add(at+".status", "is written by the object's controller: leave it out")
	}
	metadata, ok := content["metadata"].(map[string]any)
	if _, set := content["metadata"]; set && !ok {
		faults.Add(at+".metadata", "must be an object")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if !slices.Contains(allowed, key) {
			faults.Add(at+".metadata."+key, "is set by Roadbed: a template sets name, labels and annotations")
		}
	}
	if name, set := metadata["name"]; set {
		r.name = scope.CompileTree(at+".metadata.name", name, faults)
	}
	if r.name != nil {
		r.name.Expressions(func(e *expression.Expression) { early(e, at+".metadata.name", faults) })
	}
	if r.forEach != nil && !r.distinct() {
		faults.Add(at+".metadata.name", "must read each or index, so that every item's object has a name of its own")
	}
	r.manifest = scope.CompileTree(at, content, faults)
}

// distinct says whether the name depends on the item.
func (r *resource) distinct() bool {
	found := false
	if r.name != nil {
		r.name.Expressions(func(e *expression.Expression) {
			found = found || e != nil && (e.Reads(expression.Each) || e.Reads(expression.Index))
		})
	}
	return found
}

// constant is a field that must not depend on anything.
func constant(content map[string]any, at, key string, faults *expression.Faults) string {
	value, _ := content[key].(string)
	switch {
	case value == "":
		faults.Add(at+"."+key, "is missing")
	case slices.ContainsFunc([]rune(value), func(c rune) bool { return c == '$' }):
		faults.Add(at+"."+key, "must be said outright, because the rights of the capability are checked by it")
	}
	return value
}

// depend collects what must be ready before.
func (r *resource) depend(said, ids []string, faults *expression.Faults) {
	needs := map[string]bool{}
	for i, id := range said {
		if !slices.Contains(ids, id) {
			faults.Add(fmt.Sprintf("%s.dependsOn[%d]", r.field, i), "no resource has the id %q", id)
		}
		needs[id] = true
	}
	if r.manifest != nil {
		r.manifest.Expressions(func(e *expression.Expression) {
			if e.Reads(expression.Resources) && len(e.Needs()) == 0 {
				faults.Add(r.field+".manifest", "%q reads resources as a whole: name the one it needs, as in resources.%s", e.Source(), r.id)
			}
			for _, id := range e.Needs() {
				needs[id] = true
			}
		})
	}
	r.needs = slices.Sorted(maps.Keys(needs))
}

// Kinds are the kinds of objects that the template makes.
func (t *Template) Kinds() []provision.Kind {
	kinds := map[provision.Kind]bool{}
	for _, each := range t.resources {
		kinds[provision.Kind{APIVersion: each.apiVersion, Kind: each.kind}] = true
	}
	return slices.SortedFunc(maps.Keys(kinds), provision.Kind.Compare)
}

// ConnectionKeys are the keys of the connection Secret, sorted.
func (t *Template) ConnectionKeys() []string { return t.outputs.Keys() }
