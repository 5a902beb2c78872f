package conversion

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// kept is what one version of a claim says that another lacks: the whole spec
// as it was, and what it became, so that it comes back only if nobody changed
// the claim in the other version since.
type kept struct {
	// Was is the part of the claim as it was.
	Was map[string]any `json:"was"`
	// Became is what conversion made of it.
	Became map[string]any `json:"became"`
}

// remember gives back what an earlier conversion kept of this version, and
// keeps what this conversion lost, where it lost anything.
func (c *Converter) remember(claim, made map[string]any, from, to string) error {
	store, err := preserved(claim)
	if err != nil {
		return err
	}
	fresh := map[string]kept{}
	maps.Copy(fresh, store)
	if old, ok := store[to]; ok {
		c.restore(made, claim, old)
		delete(fresh, to)
	}
	spec, _ := claim["spec"].(map[string]any)
	became, _ := made["spec"].(map[string]any)
	if spec != nil && c.loses(spec, made, from) {
		fresh[from] = kept{Was: spec, Became: became}
	}
	return annotate(made, fresh)
}

// restore puts fields back that the other version lacked: all of them when the
// claim is as conversion left it, else those that conversion did not make.
func (c *Converter) restore(made, claim map[string]any, old kept) {
	spec, _ := claim["spec"].(map[string]any)
	if equality.Semantic.DeepEqual(spec, old.Became) {
		made["spec"] = old.Was
		return
	}
	target, _ := made["spec"].(map[string]any)
	if target == nil {
		return
	}
	for name, value := range old.Was {
		if _, there := target[name]; !there && !changedTo(spec, old.Became, name) {
			target[name] = value
		}
	}
}

// changedTo says whether somebody took the field away in the other version.
func changedTo(spec, became map[string]any, name string) bool {
	_, was := became[name]
	_, is := spec[name]
	return was && !is
}

// loses says whether the claim, converted back, would not be what it was.
func (c *Converter) loses(spec, made map[string]any, from string) bool {
	bare := map[string]any{"apiVersion": made["apiVersion"], "kind": made["kind"], "spec": made["spec"]}
	back, err := c.forget(bare, from)
	return err != nil || !equality.Semantic.DeepEqual(back["spec"], spec)
}

func preserved(claim map[string]any) (map[string]kept, error) {
	annotations, _, _ := unstructured.NestedStringMap(claim, "metadata", "annotations")
	text := annotations[v1alpha1.AnnotationPreserved]
	if text == "" {
		return nil, nil
	}
	var store map[string]kept
	if err := utiljson.Unmarshal([]byte(text), &store); err != nil {
		return nil, fmt.Errorf("read annotation %s: %w", v1alpha1.AnnotationPreserved, err)
	}
	for version, each := range store {
		normalize(each.Was)
		normalize(each.Became)
		store[version] = each
	}
	return store, nil
}

func annotate(made map[string]any, store map[string]kept) error {
	if len(store) == 0 {
		unstructured.RemoveNestedField(made, "metadata", "annotations", v1alpha1.AnnotationPreserved)
		if annotations, ok, _ := unstructured.NestedMap(made, "metadata", "annotations"); ok && len(annotations) == 0 {
			unstructured.RemoveNestedField(made, "metadata", "annotations")
		}
		return nil
	}
	if _, there := made["metadata"]; !there {
		return nil
	}
	text, err := json.Marshal(store)
	if err != nil {
		return fmt.Errorf("write annotation %s: %w", v1alpha1.AnnotationPreserved, err)
	}
	return unstructured.SetNestedField(made, string(text), "metadata", "annotations", v1alpha1.AnnotationPreserved)
}

// normalize makes whole floats the integers that the API server has.
func normalize(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for key, below := range typed {
			typed[key] = normalize(below)
		}
	case []any:
		for i, below := range typed {
			typed[i] = normalize(below)
		}
	case float64:
		if whole := int64(typed); float64(whole) == typed {
			return whole
		}
	}
	return value
}

// plain turns CEL's maps and lists into Go's.
func plain(value any) any {
	switch typed := value.(type) {
	case map[ref.Val]ref.Val:
		made := make(map[string]any, len(typed))
		for key, below := range typed {
			made[fmt.Sprint(key.Value())] = plain(below.Value())
		}
		return made
	case []ref.Val:
		made := make([]any, 0, len(typed))
		for _, below := range typed {
			made = append(made, plain(below.Value()))
		}
		return made
	}
	return value
}
