package enginetest

import (
	"maps"
	"math/rand/v2"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// Variants makes up objects that resemble some: one of them, with a few fields
// taken away or given values that are elsewhere in them. What tells objects apart
// (kind and name) stays. The same seed gives the same object.
type Variants struct {
	objects []map[string]any
	values  []any
}

// VariantsOf resembles the objects, of which there is at least one.
func VariantsOf(objects []map[string]any) Variants {
	v := Variants{objects: objects, values: []any{nil, "", "x", "1Gi", int64(0), int64(7), 1.5, true, false, []any{}, map[string]any{}}}
	for _, object := range objects {
		v.values = append(v.values, leaves(object)...)
	}
	return v
}

// leaves are the values of a tree that hold no others, in a fixed order.
func leaves(tree any) []any {
	switch node := tree.(type) {
	case map[string]any:
		var all []any
		for _, key := range slices.Sorted(maps.Keys(node)) {
			all = append(all, leaves(node[key])...)
		}
		return all
	case []any:
		var all []any
		for _, item := range node {
			all = append(all, leaves(item)...)
		}
		return all
	}
	return []any{tree}
}

// Example is the object of a seed. The first are the objects themselves.
func (v Variants) Example(seed int) map[string]any {
	dice := rand.New(rand.NewPCG(uint64(seed), 1))
	chosen := runtime.DeepCopyJSON(v.objects[seed%len(v.objects)])
	if seed < len(v.objects) {
		return chosen
	}
	for range 1 + dice.IntN(3) {
		for _, key := range []string{"spec", "data", "metadata"} {
			if dice.IntN(3) > 0 {
				continue
			}
			if part, ok := chosen[key].(map[string]any); ok {
				v.change(dice, part, key == "metadata")
			}
		}
	}
	return chosen
}

// change changes one field of a tree. Of metadata only labels and annotations
// change, and their values stay texts.
func (v Variants) change(dice *rand.Rand, tree map[string]any, metadata bool) {
	keys := slices.Sorted(maps.Keys(tree))
	if metadata {
		keys = slices.DeleteFunc(keys, func(key string) bool { return key != "labels" && key != "annotations" })
	}
	if len(keys) == 0 {
		return
	}
	key := keys[dice.IntN(len(keys))]
	switch held := tree[key].(type) {
	case map[string]any:
		if metadata {
			v.relabel(dice, held)
			return
		}
		if len(held) > 0 && dice.IntN(4) > 0 {
			v.change(dice, held, false)
			return
		}
	case []any:
		if len(held) > 0 && dice.IntN(4) > 0 {
			v.changeItem(dice, held)
			return
		}
	}
	if dice.IntN(3) == 0 {
		delete(tree, key)
		return
	}
	tree[key] = v.value(dice)
}

func (v Variants) changeItem(dice *rand.Rand, list []any) {
	at := dice.IntN(len(list))
	if item, ok := list[at].(map[string]any); ok && dice.IntN(4) > 0 {
		v.change(dice, item, false)
		return
	}
	list[at] = v.value(dice)
}

// relabel changes or takes away one of some texts.
func (v Variants) relabel(dice *rand.Rand, texts map[string]any) {
	keys := slices.Sorted(maps.Keys(texts))
	if len(keys) == 0 {
		return
	}
	key := keys[dice.IntN(len(keys))]
	if text, ok := v.value(dice).(string); ok {
		texts[key] = text
		return
	}
	delete(texts, key)
}

func (v Variants) value(dice *rand.Rand) any {
	return runtime.DeepCopyJSONValue(v.values[dice.IntN(len(v.values))])
}
