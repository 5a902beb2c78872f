package proof

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// typeOf is the Go type of a kind, nil for one that Kubernetes does not define.
func typeOf(kind policy.Served) reflect.Type {
	made, err := scheme.Scheme.New(schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind})
	if err != nil {
		return nil
	}
	return reflect.TypeOf(made)
}

// below is the type of a field, or of what is in a map; nil where there is none.
func below(t reflect.Type, name string) reflect.Type {
	switch t.Kind() {
	case reflect.Pointer:
		return below(t.Elem(), name)
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
	default:
		return nil
	}
	for field := range t.Fields() {
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == name && name != "" {
			return field.Type
		}
		if field.Anonymous && (tag == "" || strings.Contains(options, "inline")) {
			if found := below(field.Type, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// fieldOf is the name of a field that a type has; empty where it has none.
func (g *generator) fieldOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
			names = append(names, tag)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[g.random.IntN(len(names))]
}

// elements is the type of what is in a list; nil for what is none.
func elements(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return nil
}

// The types whose values are written otherwise than their fields are.
var (
	quantityType = reflect.TypeFor[resource.Quantity]()
	portType     = reflect.TypeFor[intstr.IntOrString]()
	timeType     = reflect.TypeFor[metav1.Time]()
)

// suits tells whether a value can be read as a type.
func suits(v any, t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, isText := v.(string)
	_, isNumber := v.(int64)
	switch t {
	case quantityType:
		text, _ := v.(string)
		_, err := resource.ParseQuantity(text)
		return isText && err == nil
	case portType:
		return isText || isNumber
	case timeType:
		return false
	}
	switch t.Kind() {
	case reflect.String:
		return isText
	case reflect.Bool:
		_, is := v.(bool)
		return is
	case reflect.Int, reflect.Int32, reflect.Int64:
		return isNumber
	case reflect.Map, reflect.Struct:
		_, is := v.(map[string]any)
		return is
	case reflect.Slice:
		_, is := v.([]any)
		return is
	default:
		return false
	}
}

// plainOf is a value of a type that nobody named.
func (g *generator) plainOf(t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case quantityType:
		return []any{"1Gi", "1024Mi", "100m", "0"}[g.random.IntN(4)]
	case portType:
		return []any{int64(80), "http"}[g.random.IntN(2)]
	case timeType:
		return "2026-01-01T00:00:00Z"
	}
	switch t.Kind() {
	case reflect.String:
		return []any{"", "x", "web"}[g.random.IntN(3)]
	case reflect.Bool:
		return g.random.IntN(2) == 0
	case reflect.Int, reflect.Int32, reflect.Int64:
		return int64(g.random.IntN(4))
	case reflect.Slice:
		return []any{}
	default:
		return map[string]any{}
	}
}
