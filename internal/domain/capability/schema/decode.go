package schema

import (
	"errors"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// Props is an OpenAPI v3 schema as CustomResourceDefinitions have them.
type Props = apiextensionsv1.JSONSchemaProps

// ErrNotObject is returned for a schema that is not of type object.
var ErrNotObject = errors.New("a claim's schema must be of type object, and list what it has under properties")

// Decode reads a schema of type object. Unknown and repeated keys are errors.
// Nothing at all is the schema of an object without fields.
func Decode(raw *runtime.RawExtension) (*Props, error) {
	props := &Props{Type: "object"}
	if raw == nil || len(raw.Raw) == 0 || string(raw.Raw) == "null" || string(raw.Raw) == "{}" {
		return props, nil
	}
	strict, err := kjson.UnmarshalStrict(raw.Raw, props)
	if err := errors.Join(append([]error{err}, strict...)...); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if props.Type != "object" {
		return nil, ErrNotObject
	}
	return props, nil
}
