package reportapi_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	wgpolicyv1alpha2 "github.com/roadbed-dev/roadbed/api/wgpolicy/v1alpha2"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestSchemasAreFresh writes the schemas from the Go types and their comments, and
// wants those that are served to be the same; -update rewrites them.
func TestSchemasAreFresh(t *testing.T) {
	t.Parallel()
	for _, group := range []struct {
		version schema.GroupVersion
		source  string
		kinds   []any
	}{
		{openreportsv1alpha1.GroupVersion, "openreports/v1alpha1", []any{
			openreportsv1alpha1.Report{}, openreportsv1alpha1.ReportList{}, openreportsv1alpha1.ClusterReport{}, openreportsv1alpha1.ClusterReportList{},
		}},
		{wgpolicyv1alpha2.GroupVersion, "wgpolicy/v1alpha2", []any{
			wgpolicyv1alpha2.PolicyReport{}, wgpolicyv1alpha2.PolicyReportList{}, wgpolicyv1alpha2.ClusterPolicyReport{}, wgpolicyv1alpha2.ClusterPolicyReportList{},
		}},
	} {
		// The older form borrows types of the newer one.
		w := writer{comments: commentsOf(t, "../../../../api/openreports/v1alpha1")}
		maps.Copy(w.comments, commentsOf(t, "../../../../api/"+group.source))
		found, paths := map[string]any{}, map[string]any{}
		for _, kind := range group.kinds {
			of := reflect.TypeOf(kind)
			described := w.object(of)
			named := map[string]any{"group": group.version.Group, "version": group.version.Version, "kind": of.Name()}
			described["x-kubernetes-group-version-kind"] = []any{named}
			paths[pathOf(group.version, of.Name())] = map[string]any{"get": map[string]any{
				"x-kubernetes-group-version-kind": map[string]any{
					"group": group.version.Group, "version": group.version.Version, "kind": strings.TrimSuffix(of.Name(), "List"),
				}, "responses": map[string]any{"200": map[string]any{"description": "OK"}},
			}}
			found[strings.Replace(group.version.Group, ".", "_", 1)+"."+group.version.Version+"."+of.Name()] = described
		}
		document, err := json.MarshalIndent(map[string]any{
			"openapi": "3.0.0", "info": map[string]any{"title": "Roadbed's policy reports", "version": group.version.Version},
			"paths": paths, "components": map[string]any{"schemas": found},
		}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "schemas/"+group.version.Group+".json", append(document, '\n'))
	}
}

// pathOf is where objects of a kind, or of the list of them, are read. By it kubectl
// finds the kind of a resource.
func pathOf(version schema.GroupVersion, kind string) string {
	root, plural := "/apis/"+version.String(), strings.ToLower(strings.TrimSuffix(kind, "List"))+"s"
	if !strings.HasPrefix(kind, "Cluster") {
		root += "/namespaces/{namespace}"
	}
	if strings.HasSuffix(kind, "List") {
		return root + "/" + plural
	}
	return root + "/" + plural + "/{name}"
}

// writer writes the schemas of Go types.
type writer struct{ comments map[string]string }

// object is the schema of a struct; embedded ones are part of it.
func (w writer) object(of reflect.Type) map[string]any {
	properties := map[string]any{}
	w.fields(of, properties)
	described := map[string]any{"type": "object", "properties": properties}
	if text := w.comment(of, ""); text != "" {
		described["description"] = text
	}
	return described
}

func (w writer) fields(of reflect.Type, into map[string]any) {
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && field.Anonymous:
			w.fields(field.Type, into)
		case name != "":
			described := w.value(field.Type)
			if text := w.comment(of, field.Name); text != "" {
				described["description"] = text
			}
			into[name] = described
		}
	}
}

func (w writer) value(of reflect.Type) map[string]any {
	if of.String() == "v1.Time" {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return w.value(of.Elem())
	case reflect.Struct:
		return w.object(of)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": w.value(of.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": w.value(of.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	default:
		return map[string]any{"type": "integer"}
	}
}

// comment is what the source says of a type, or of one of its fields; of
// Kubernetes' types, what they say themselves.
func (w writer) comment(of reflect.Type, field string) string {
	if text, ok := w.comments[of.Name()+"."+field]; ok && strings.Contains(of.PkgPath(), "roadbed") {
		return text
	}
	documented, ok := reflect.TypeAssert[interface{ SwaggerDoc() map[string]string }](reflect.Zero(of))
	if !ok {
		return ""
	}
	if found, ok := of.FieldByName(field); ok {
		name, _, _ := strings.Cut(found.Tag.Get("json"), ",")
		return documented.SwaggerDoc()[name]
	}
	return documented.SwaggerDoc()[""]
}

// commentsOf reads the comments of a package: "Type." and "Type.Field".
func commentsOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") {
			return err
		}
		parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, declared := range parsed.Decls {
			noteTypes(declared, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func noteTypes(declared ast.Decl, into map[string]string) {
	general, ok := declared.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range general.Specs {
		named, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		into[named.Name.Name+"."] = prose(general.Doc)
		if body, ok := named.Type.(*ast.StructType); ok {
			for _, field := range body.Fields.List {
				for _, name := range field.Names {
					into[named.Name.Name+"."+name.Name] = prose(field.Doc)
				}
			}
		}
	}
}

// prose is a comment without what is for tools.
func prose(comment *ast.CommentGroup) string {
	var lines []string
	for line := range strings.SplitSeq(comment.Text(), "\n") {
		if line != "" && !strings.HasPrefix(line, "+") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
