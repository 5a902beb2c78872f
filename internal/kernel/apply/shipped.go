package apply

import (
	"bytes"
	"fmt"
	"io/fs"
	"text/template"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Shipped are objects that ship with the program as YAML files, each of which is
// a template.
type Shipped struct {
	// Sources is the folder with the files.
	Sources fs.FS
	// Kinds are what the files may hold; every other kind is an error.
	Kinds runtime.SchemeBuilder
	// Funcs are what the templates may call.
	Funcs template.FuncMap
}

// Objects reads files, in the order in which they are named. The objects are the
// caller's own copies.
//
// It panics when a file is absent or malformed, which the tests of the package
// that ships it must rule out.
func (s Shipped) Objects(names ...string) []client.Object {
	var objects []client.Object
	for _, name := range names {
		found, err := s.read(name)
		if err != nil {
			panic(fmt.Sprintf("embedded source %q: %v", name, err))
		}
		objects = append(objects, found...)
	}
	return objects
}

func (s Shipped) read(name string) ([]client.Object, error) {
	source, err := template.New(name).Funcs(s.Funcs).ParseFS(s.Sources, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := source.Execute(&text, nil); err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := s.Kinds.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return DecodeFile(scheme, name, text.String())
}
