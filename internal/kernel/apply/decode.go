package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Decode reads the YAML documents of a source that ships with the program and
// has no name; see DecodeFile.
func Decode(scheme *runtime.Scheme, source string) ([]client.Object, error) {
	return DecodeFile(scheme, "source", source)
}

// DecodeFile reads the YAML documents of a source that ships with the program,
// each into the type that the scheme has for it. A kind that the scheme does
// not know is an error, and so are unknown and repeated fields. The error names
// the file, the line and the field of every mistake, and what to do about it.
func DecodeFile(scheme *runtime.Scheme, file, source string) ([]client.Object, error) {
	documents, mistakes := yamldoc.Split(file, []byte(source))
	objects := make([]client.Object, 0, len(documents))
	for _, document := range documents {
		object, wrong := decodeOne(scheme, document)
		objects, mistakes = append(objects, object), append(mistakes, wrong...)
	}
	if len(mistakes) > 0 {
		return nil, yamldoc.Join(mistakes)
	}
	return objects, nil
}

func decodeOne(scheme *runtime.Scheme, document *yamldoc.Document) (client.Object, []yamldoc.Mistake) {
	if document.Kind() == "" || document.APIVersion() == "" {
		return nil, []yamldoc.Mistake{document.Mistake("", "this is no object: begin it with apiVersion and kind")}
	}
	empty, err := scheme.New(schema.FromAPIVersionAndKind(document.APIVersion(), document.Kind()))
	if err != nil {
		return nil, []yamldoc.Mistake{document.Mistake("kind", fmt.Sprintf(
			"kind %q of %q is not expected here: use one of %s", document.Kind(), document.APIVersion(), kindsOf(scheme)))}
	}
	object, ok := empty.(client.Object)
	if !ok {
		return nil, []yamldoc.Mistake{document.Mistake("kind", fmt.Sprintf(
			"kind %q is a list or an option, not an object: give objects one by one", document.Kind()))}
	}
	mistakes := document.Decode(object)
	for i, mistake := range mistakes {
		if strings.HasPrefix(mistake.Message, "unknown field") {
			mistakes[i].Message += ": correct its name or take it out"
		}
	}
	return object, mistakes
}

// kindsOf names the kinds of objects that the scheme knows, at most a few.
func kindsOf(scheme *runtime.Scheme) string {
	const most = 8
	names := map[string]bool{}
	for gvk := range scheme.AllKnownTypes() {
		made, err := scheme.New(gvk)
		if _, object := made.(client.Object); err == nil && object {
			names[gvk.Kind] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(names))
	if len(sorted) > most {
		sorted = append(sorted[:most], "others")
	}
	return strings.Join(sorted, ", ")
}
