package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/config"
)

// What the API server lets the rules of an object, and one rule, cost.
const (
	rulesBudget = 10_000_000
	ruleLimit   = 1_000_000
)

// definition judges objects of one version of a kind by the API server's code.
type definition struct {
	schema *structural.Structural
	shape  validation.SchemaValidator
	rules  *cel.Validator
}

// definitions are those of Roadbed's tenancy kinds, as this program has them.
var definitions = sync.OnceValues(readDefinitions)

// WithDefaults is the object with what a cluster fills in where its author said
// nothing. Of kinds that are not tenancy's it is the object itself.
func WithDefaults(object client.Object) (client.Object, error) {
	all, err := definitions()
	if err != nil {
		return nil, err
	}
	one, known := all[object.GetObjectKind().GroupVersionKind()]
	if !known {
		return object, nil
	}
	plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Title(object), err)
	}
	one.fill(plain)
	filled, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s cannot be copied", Title(object))
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(plain, filled); err != nil {
		return nil, fmt.Errorf("%s: %w", Title(object), err)
	}
	return filled, nil
}

// Misshapen says what the definition of the document's kind has against it, each
// mistake at its line and in the API server's words: what a cluster would say
// without being asked. Of kinds that are not tenancy's it says nothing.
func (d Document) Misshapen(ctx context.Context) error {
	all, err := definitions()
	if err != nil {
		return err
	}
	one, known := all[d.Object.GetObjectKind().GroupVersionKind()]
	if !known {
		return nil
	}
	plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d.Object)
	if err != nil {
		return fmt.Errorf("%s: %w", Title(d.Object), err)
	}
	delete(plain, "status") // Roadbed's, not the author's
	var mistakes []error
	for _, mistake := range one.mistakes(ctx, plain) {
		cause := metav1.StatusCause{Field: mistake.Field, Message: mistake.ErrorBody()}
		mistakes = append(mistakes, d.Mistake(causeField(cause), cause.Message, mistake))
	}
	return errors.Join(mistakes...)
}

// fill writes the defaults into an object.
func (d definition) fill(plain map[string]any) {
	defaulting.PruneNonNullableNullsWithoutDefaults(plain, d.schema)
	defaulting.Default(plain, d.schema)
}

// mistakes are in the order of their fields. Rules are asked only about an object
// that has the right shape: of another they would speak nonsense.
func (d definition) mistakes(ctx context.Context, plain map[string]any) field.ErrorList {
	d.fill(plain)
	found := validation.ValidateCustomResource(nil, plain, d.shape)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, d.schema, plain)...)
	if len(found) == 0 && d.rules != nil {
		found, _ = d.rules.Validate(ctx, nil, d.schema, plain, nil, rulesBudget)
	}
	slices.SortStableFunc(found, func(a, b *field.Error) int { return cmp.Compare(a.Field, b.Field) })
	return found
}

func readDefinitions() (map[schema.GroupVersionKind]definition, error) {
	files, err := fs.Glob(config.CRDs, "crds/tenancy.*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find the kinds: %w", err)
	}
	all := map[schema.GroupVersionKind]definition{}
	for _, file := range files {
		text, err := config.CRDs.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the kinds: %w", err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		for i := range crd.Spec.Versions {
			version := &crd.Spec.Versions[i]
			gvk := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			if all[gvk], err = newDefinition(version); err != nil {
				return nil, fmt.Errorf("read %s: %w", strings.TrimPrefix(file, "crds/"), err)
			}
		}
	}
	return all, nil
}

func newDefinition(version *apiextensionsv1.CustomResourceDefinitionVersion) (definition, error) {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return definition{}, err
	}
	shape, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return definition{}, err
	}
	whole, err := structural.NewStructural(&internal)
	if err != nil {
		return definition{}, err
	}
	return definition{schema: whole, shape: shape, rules: cel.NewValidator(whole, true, ruleLimit)}, nil
}
