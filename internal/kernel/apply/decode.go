package apply

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Decode reads the YAML documents of a source that ships with the program,
// each into the type that the scheme has for it. A kind that the scheme does
// not know is an error, and so are unknown and repeated fields.
func Decode(scheme *runtime.Scheme, source string) ([]client.Object, error) {
	var objects []client.Object
	for document := range strings.SplitSeq(source, "\n---\n") {
		object, err := decodeOne(scheme, []byte(document))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func decodeOne(scheme *runtime.Scheme, document []byte) (client.Object, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, fmt.Errorf("read kind: %w", err)
	}
	empty, err := scheme.New(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if err != nil {
		return nil, fmt.Errorf("kind %q of %q is not expected here: %w", head.Kind, head.APIVersion, err)
	}
	object, ok := empty.(client.Object)
	if !ok {
		return nil, fmt.Errorf("kind %q is a list or an option, not an object", head.Kind)
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return nil, fmt.Errorf("read %s: %w", head.Kind, err)
	}
	return object, nil
}
