package capability_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
)

// The status that Roadbed writes must be one that the claims' kind takes: what
// the kind lacks is dropped, and what it wants besides is refused.
func TestClaimsKindTakesTheStatus(t *testing.T) {
	t.Parallel()
	v := &v1alpha1.CapabilityVersion{Name: "v1", Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(`{"type":"object"}`)}}}
	props, err := capability.ClaimSchema(v)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(props)
	if err != nil {
		t.Fatal(err)
	}
	var root apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	status := root.Properties["status"]
	for _, difference := range differences("status", reflect.TypeFor[v1alpha1.ClaimStatus](), &status) {
		t.Error(difference)
	}
	platform := root.Properties["spec"].Properties[capability.PlatformField]
	for _, difference := range differences("spec.platform", reflect.TypeFor[v1alpha1.ClaimPlatform](), &platform) {
		t.Error(difference)
	}
}

// differences are the fields that a type and a schema do not both have, and those
// that the type may leave out and the schema wants.
func differences(at string, of reflect.Type, props *apiextensionsv1.JSONSchemaProps) []string {
	switch {
	case of.Kind() == reflect.Pointer:
		return differences(at, of.Elem(), props)
	case of.Kind() == reflect.Slice && props.Items != nil:
		return differences(at+"[]", of.Elem(), props.Items.Schema)
	case of.Kind() != reflect.Struct || of == reflect.TypeFor[metav1.Time]():
		return nil
	}
	var found []string
	fields := map[string]bool{}
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = strings.Contains(options, "omitempty")
		below, known := props.Properties[name]
		if !known {
			found = append(found, fmt.Sprintf("%s.%s is written, and the kind does not have it", at, name))
			continue
		}
		found = append(found, differences(at+"."+name, field.Type, &below)...)
	}
	for name := range props.Properties {
		if _, known := fields[name]; !known {
			found = append(found, fmt.Sprintf("%s.%s: the kind has it, and nobody writes it", at, name))
		}
	}
	for _, name := range props.Required {
		if optional, known := fields[name]; !known || optional {
			found = append(found, fmt.Sprintf("%s.%s: the kind wants it, and it is not always written", at, name))
		}
	}
	return found
}
