package migrate

import (
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
)

// about is what the expressions of a rule are about: an object, and what variables
// may begin with.
type about struct {
	// object is the object that is judged, in CEL.
	object string
	names  query.Expression
}

// current is about the object that is sent.
func current() about {
	former := query.Expression{Text: "(oldObject == null ? optional.none() : optional.of(oldObject))", Optional: true}
	return aboutObject("object", former, query.Expression{Text: "request.operation", Kind: query.Text, Certain: true})
}

// former is about the object as it was before an update, judged as if it were
// created: so the old form finds out whether an object was wrong before.
func former() about {
	return aboutObject("oldObject", query.Expression{Text: "optional.none()", Optional: true}, operation("CREATE"))
}

// deleted is about the object that is deleted, which variables know as the object.
func deleted() about {
	return aboutObject("oldObject", query.Plain("oldObject", query.Object), operation("DELETE"))
}

// operation is an operation that is known.
func operation(name string) query.Expression {
	return query.Expression{Text: cel.Quoted(name), Kind: query.Text, Certain: true, Literal: name, Constant: true}
}

func aboutObject(object string, old, operation query.Expression) about {
	fields := func(fields map[string]query.Expression) query.Expression { return query.Expression{Fields: fields} }
	user := fields(map[string]query.Expression{
		"username": query.Plain("request.userInfo.?username.orValue('')", query.Text),
		"groups":   query.Plain("request.userInfo.?groups.orValue([])", query.List),
	})
	request := fields(map[string]query.Expression{
		"object": query.Plain(object, query.Object), "oldObject": old, "operation": operation, "userInfo": user,
		"namespace": query.Plain("request.?namespace.orValue('')", query.Text),
		"name":      query.Plain("request.?name.orValue('')", query.Text),
		"kind": fields(map[string]query.Expression{
			"kind":    {Text: "request.kind.kind", Kind: query.Text, Certain: true},
			"version": {Text: "request.kind.version", Kind: query.Text, Certain: true},
			"group":   query.Plain("request.kind.group", query.Text),
		}),
	})
	return about{object: object, names: fields(map[string]query.Expression{"request": request})}
}

// within is about a Pod that the object makes: its spec and metadata are in the
// template.
func (a about) within(template string) about {
	object := a.names.Fields["request"].Fields["object"]
	object.Fields = map[string]query.Expression{
		"spec": query.Plain(a.object+template+".spec", query.Object), "metadata": query.Plain(a.object+template+".metadata", query.Object),
	}
	return a.with("request", a.names.Fields["request"].With("object", object))
}

// with is about the same, and knows one more name.
func (a about) with(name string, value query.Expression) about {
	a.names = a.names.With(name, value)
	return a
}

// element is about an element of a list.
func (a about) element() about {
	return a.with("element", query.Plain("element", query.Unknown))
}

// entries are about the same, and know the names of context entries.
func (a about) entries(entries []kyvernov1.ContextEntry) (about, error) {
	for i, entry := range entries {
		value, err := a.entry(entry)
		if err != nil {
			return a, at(pathAt("context", i), err)
		}
		a = a.with(entry.Name, value)
	}
	return a, nil
}

// entry is a variable; it stands where it is used, since it is computed there.
func (a about) entry(entry kyvernov1.ContextEntry) (query.Expression, error) {
	v := entry.Variable
	switch {
	case v == nil:
		return query.Expression{}, left("the context entry %q looks something up, which is not rewritten: say it with resource.Get or resource.List", entry.Name)
	case strings.Contains(entry.Name, "."):
		return query.Expression{}, left("the context entry %q defines a part of a variable, which is not rewritten", entry.Name)
	}
	value, err := a.valueOf(v)
	if err != nil {
		return value, left("the context entry %q: %w", entry.Name, err)
	}
	if v.Default != nil {
		return a.orDefault(value, v.Default)
	}
	return value.Value(), nil
}

func (a about) valueOf(v *kyvernov1.Variable) (query.Expression, error) {
	if v.Value == nil {
		return a.query(v.JMESPath)
	}
	value, err := a.side(v.Value)
	if err != nil || v.JMESPath == "" {
		return value, err
	}
	if !value.Constant {
		return query.Write(v.JMESPath, value)
	}
	compiled, err := jmespath.Compile(v.JMESPath)
	if err != nil {
		return value, err
	}
	found, err := compiled.Search(value.Literal)
	if err != nil {
		return value, err
	}
	return query.Fixed(found)
}

// orDefault is a value, or another where there is none.
func (a about) orDefault(value query.Expression, otherwise *kyvernov1.JSON) (query.Expression, error) {
	if !value.Optional {
		return value, left("a default of what fails when it is not there is not rewritten: write \"|| ...\" in the expression")
	}
	fallback, err := a.side(otherwise)
	if err != nil {
		return value, err
	}
	value.Text, value.Optional = value.Text+".orValue("+fallback.Text+")", false
	return value, nil
}

// side is one side of a condition, or a value: a constant, a variable, or a text
// with variables.
func (a about) side(raw *kyvernov1.JSON) (query.Expression, error) {
	value, err := raw.Value()
	if err != nil {
		return query.Expression{}, err
	}
	text, ok := value.(string)
	if !ok && hasVariables(value) {
		return query.Expression{}, left("variables within lists and objects are not rewritten")
	}
	if !ok || !strings.Contains(text, "{{") {
		return query.Fixed(value)
	}
	if parts := variable.FindStringSubmatch(text); parts != nil {
		return a.query(strings.TrimSpace(parts[1]))
	}
	written, err := a.text(text)
	return query.Plain(written, query.Text), err
}

// hasVariables tells whether a text anywhere in a value has variables.
func hasVariables(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, "{{")
	case []any:
		return slices.ContainsFunc(value, hasVariables)
	case map[string]any:
		for key, each := range value {
			if strings.Contains(key, "{{") || hasVariables(each) {
				return true
			}
		}
	}
	return false
}

// text rewrites a text with variables as a CEL string.
func (a about) text(text string) (string, error) {
	var parts []string
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			parts = append(parts, cel.Quoted(before))
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", left("%q: a variable without its end", text)
		}
		value, err := a.query(strings.TrimSpace(inner))
		if err != nil {
			return "", err
		}
		if value.Kind == query.List || value.Kind == query.Texts || value.Kind == query.Object {
			return "", left("{{%s}} in a text is a list or an object, which is not rewritten", inner)
		}
		parts = append(parts, "string("+value.Value().Text+")")
		text = after
	}
	if parts == nil {
		return "''", nil
	}
	return strings.Join(parts, " + "), nil
}

// query rewrites a query.
func (a about) query(text string) (query.Expression, error) { return query.Write(text, a.names) }
