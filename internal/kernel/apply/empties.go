package apply

import (
	"reflect"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// addEmpties puts into content the slices and maps that are empty but not nil
// in obj. JSON leaves them out where they are optional, and a field that is
// left out of an apply stays as it is.
func addEmpties(content map[string]any, obj client.Object) {
	addEmptyFields(content, reflect.ValueOf(obj).Elem())
}

func addEmptyFields(content map[string]any, structure reflect.Value) {
	if structure.Kind() != reflect.Struct || structure.Type() == quantityType {
		return
	}
	for i := range structure.NumField() {
		field := structure.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported(), name == "-", name == "metadata", name == "status":
		case name == "" && field.Anonymous:
			addEmptyFields(content, structure.Field(i))
		case name != "":
			addEmptyField(content, name, structure.Field(i))
		}
	}
}

func addEmptyField(content map[string]any, name string, field reflect.Value) {
	switch field.Kind() {
	case reflect.Slice:
		if _, there := content[name]; !there && !field.IsNil() {
			content[name] = []any{}
		}
	case reflect.Map:
		if _, there := content[name]; !there && !field.IsNil() {
			content[name] = map[string]any{}
		}
	case reflect.Pointer:
		if !field.IsNil() {
			addEmptyField(content, name, field.Elem())
		}
	case reflect.Struct:
		if inner, ok := content[name].(map[string]any); ok {
			addEmptyFields(inner, field)
		}
	default:
	}
}
