package suite

import (
	"cmp"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// globals are the entries of the global context with their projections, which are
// fields of an entry that is an object, and entries named "entry.projection".
func (b *bench) globals() ([]scenario.GlobalEntry, error) {
	var all []scenario.GlobalEntry
	for _, entry := range b.test.GlobalContextEntries {
		root, err := b.rootOf(entry)
		if err != nil {
			return nil, fmt.Errorf("globalContextEntries: %s: %w", entry.Name, err)
		}
		object, _ := root.(map[string]any)
		object = maps.Clone(object)
		for _, projection := range entry.Projections {
			value, err := projected(cmp.Or(projection.Path, projection.JMESPath), root)
			if err != nil {
				return nil, fmt.Errorf("globalContextEntries: %s: %s: %w", entry.Name, projection.Name, err)
			}
			all = append(all, scenario.GlobalEntry{Name: entry.Name + "." + projection.Name, Value: value})
			if object != nil {
				object[projection.Name] = value
			}
		}
		if object != nil {
			root = object
		}
		all = append(all, scenario.GlobalEntry{Name: entry.Name, Value: root})
	}
	return all, nil
}

// rootOf is what an entry holds.
func (b *bench) rootOf(entry GlobalContextEntry) (any, error) {
	root := entry.Data
	if root == nil {
		objects, err := b.readObjects(entry.ResourceFiles)
		if err != nil {
			return nil, err
		}
		list := []any{}
		for _, fields := range append(entry.Resources, scenario.FieldsOf(objects)...) {
			list = append(list, fields)
		}
		root = list
	}
	return projected(entry.FieldPath, root)
}

func projected(expression string, root any) (any, error) {
	if expression == "" {
		return root, nil
	}
	query, err := jmespath.Compile(expression)
	if err != nil {
		return nil, err
	}
	return query.Search(root)
}

// scoredAnnotation is "false" on policies whose failures are warnings in reports.
const scoredAnnotation = "policies.kyverno.io/scored"

// unscored are the names of the policies that say so.
func unscored(documents []load.Document) map[string]bool {
	found := map[string]bool{}
	for _, document := range documents {
		object, err := meta.Accessor(document.Object)
		if err == nil && object.GetAnnotations()[scoredAnnotation] == "false" {
			found[object.GetName()] = true
		}
	}
	return found
}
