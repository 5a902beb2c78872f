package query_test

import (
	"reflect"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
)

// objects are what queries look at.
var objects = []map[string]any{
	{},
	{"metadata": map[string]any{"labels": map[string]any{"app": "web", "a/b": "c"}}, "spec": map[string]any{"replicas": int64(3)}},
	{"metadata": map[string]any{"labels": map[string]any{"app": ""}}, "spec": map[string]any{"containers": []any{}}},
	{"metadata": map[string]any{"name": "x"}, "spec": map[string]any{
		"replicas":       int64(1),
		"containers":     []any{map[string]any{"name": "a", "image": "r/a:1", "caps": []any{"ALL", "KILL"}}, map[string]any{"name": "b", "image": "b"}},
		"initContainers": []any{map[string]any{"name": "i", "image": "i", "caps": []any{"CHOWN"}}},
		"volumes":        []any{map[string]any{"name": "v", "emptyDir": map[string]any{}}, map[string]any{"name": "h", "hostPath": map[string]any{"path": "/a/b"}}},
	}},
}

// root is what the queries begin with.
func root() query.Expression {
	object := query.Plain("object", query.Object)
	return query.Expression{Fields: map[string]query.Expression{"request": {Fields: map[string]query.Expression{"object": object}}}}
}

// TestWrite: what is written in CEL gives what the query gives, and fails where it
// fails.
func TestWrite(t *testing.T) {
	t.Parallel()
	env := environment(t)
	for _, text := range []string{
		"request.object.metadata.labels.app",
		"request.object.metadata.labels.app || ''",
		"request.object.metadata.labels.app || 'none'",
		"request.object.metadata.labels.\"a/b\" || 'none'",
		"request.object.metadata.labels.app || request.object.metadata.name",
		"request.object.spec.replicas || `0`",
		"request.object.spec.containers[].image",
		"request.object.spec.containers[*].name",
		"request.object.spec.containers[0].name",
		"request.object.spec.containers[7].name",
		"request.object.spec.[initContainers, containers][].image",
		"request.object.spec.[initContainers, containers][].caps[]",
		"request.object.spec.containers[].caps",
		"request.object.spec.containers[].caps[]",
		"request.object.spec.containers[] | length(@)",
		"length(request.object.spec.containers)",
		"length(request.object.spec.missing || `[]`)",
		"request.object.spec.volumes[?hostPath].name",
		"request.object.spec.volumes[?hostPath.path == '/a/b'].name",
		"request.object.spec.volumes[?hostPath.path != '/a/b'].name",
		"request.object.spec.volumes[?emptyDir].name",
		"request.object.spec.volumes[?!hostPath].name",
		"request.object.spec.volumes[?hostPath || emptyDir].name",
		"request.object.spec.volumes[?hostPath && name == 'h'] | length(@)",
		"request.object.spec.containers[?caps == livenessProbe].name",
		"contains(request.object.spec.containers[].caps[], 'ALL')",
		"contains(to_array(request.object.spec.containers[].caps[]), 'KILL')",
		"contains(request.object.metadata.labels.app, 'e')",
		"starts_with(request.object.metadata.labels.app, 'w')",
		"ends_with(request.object.metadata.labels.app, 'w')",
		"to_upper(request.object.metadata.labels.app)",
		"split(request.object.metadata.labels.app, 'e')",
		"split(request.object.metadata.labels.app, 'e') | [1]",
		"join('-', request.object.spec.containers[].name)",
		"to_string(request.object.spec.replicas)",
		"regex_match('^w', request.object.metadata.labels.app)",
		"request.object.spec.replicas > `2`",
		"(request.object.metadata.name == 'x') == (request.object.metadata.labels == 'y')",
		"request.object.spec.volumes[?(hostPath == emptyDir && name == 'v') == (name == 'h')].name",
		"request.object.spec.containers[?contains(name, 'a') == (image == 'b')].name",
		"request.object.spec.containers[0].caps[] || ''",
		"nonsense || 'x'",
		"request.object.spec.volumes[?(hostPath && emptyDir) == (name == 'v')].name",
		"\"\" || request.object.metadata.name",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			written, err := query.Write(text, root())
			if strings.HasPrefix(text, "nonsense") || strings.Contains(text, "(hostPath && emptyDir)") {
				if err == nil {
					t.Errorf("what has no like became %s", written.Text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				compare(t, env, text, written, object)
			}
		})
	}
}

func compare(t *testing.T, env *celgo.Env, text string, written query.Expression, object map[string]any) {
	t.Helper()
	compiled, err := jmespath.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	want, wantErr := compiled.Search(map[string]any{"request": map[string]any{"object": object}})
	if want == nil && wantErr == nil && strings.Contains(text, ".[") {
		want = []any{} // there is nothing that could have the lists
	}
	got, gotErr := evaluate(t, env, written, object)
	switch {
	case (wantErr == nil) != (gotErr == nil):
		t.Errorf("%s of %v is %v, %v; in CEL %s is %v, %v", text, object, want, wantErr, written.Text, got, gotErr)
	case wantErr == nil && !reflect.DeepEqual(normal(want), normal(standsFor(written, got))):
		t.Errorf("%s of %v is %v; in CEL %s is %v", text, object, want, written.Text, got)
	}
}

// standsFor is an empty text for a list that stands for one.
func standsFor(written query.Expression, got any) any {
	if list, ok := got.([]any); ok && written.Kind == query.Texts && len(list) == 1 && list[0] == "" {
		return ""
	}
	return got
}

func environment(t *testing.T) *celgo.Env {
	t.Helper()
	env, err := celgo.NewEnv(celgo.OptionalTypes(), celgo.HomogeneousAggregateLiterals(), ext.Strings(), ext.Lists(), celgo.Variable("object", celgo.DynType))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func evaluate(t *testing.T, env *celgo.Env, written query.Expression, object map[string]any) (any, error) {
	t.Helper()
	ast, issues := env.Compile(written.Text)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", written.Text, issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := program.Eval(map[string]any{"object": object})
	if err != nil {
		return nil, err
	}
	if optional, ok := out.(*types.Optional); ok {
		if !optional.HasValue() {
			return nil, nil
		}
		out = optional.GetValue()
	}
	return native(out)
}

// native is a value as JSON has it.
func native(v ref.Val) (any, error) {
	if v.Type() != types.ListType {
		return v.Value(), nil
	}
	list, err := v.ConvertToNative(reflect.TypeFor[[]any]())
	if err != nil {
		return nil, err
	}
	made, _ := list.([]any)
	for i, each := range made {
		if inner, ok := each.(ref.Val); ok {
			if made[i], err = native(inner); err != nil {
				return nil, err
			}
		}
	}
	return made, nil
}

// normal makes numbers comparable.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []any:
		made := make([]any, len(v))
		for i, each := range v {
			made[i] = normal(each)
		}
		return made
	}
	return v
}

// FuzzWrite: what is written is an expression of CEL, and nothing panics.
func FuzzWrite(f *testing.F) {
	for _, seed := range []string{
		"request.object.spec.[a, b][].c[] || ''", "request.object.a[?b == 'c' && !d || e > `1`].f | length(@)", "request.object.\"x'y\\\\z\"",
		"contains(to_array(request.object.a[]), '*')", "request.object.a[0].b[-1]", "`{\"a\": [1, null]}`", "request.object.a.* | [0]", "keys(request.object.in)",
		"request.object.a && 'x'", "[request.object.a, 'b'][]", "split(request.object.a, ',') | [1]", "'\\'' || `null`",
	} {
		f.Add(seed)
	}
	env, err := celgo.NewEnv(celgo.OptionalTypes())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, write := range []func(string, query.Expression) (query.Expression, error){query.Write, query.Lenient} {
			written, err := write(text, root())
			if err != nil {
				continue
			}
			if _, issues := env.Parse(written.Text); issues.Err() != nil {
				t.Errorf("%q became %q: %v", text, written.Text, issues.Err())
			}
		}
	})
}
