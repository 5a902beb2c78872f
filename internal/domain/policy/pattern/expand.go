package pattern

import (
	"maps"
	"slices"
)

// expand replaces globs among the keys of labels and annotations in a pattern of
// metadata by the first key of the object that matches. It returns the pattern
// itself where nothing is to be replaced, else a copy.
func expand(pattern, object map[string]any) map[string]any {
	key, metadata := child(pattern, "metadata")
	found, ok := object["metadata"].(map[string]any)
	if metadata == nil || !ok {
		return pattern
	}
	expanded := metadata
	for _, field := range []string{"labels", "annotations"} {
		expanded = expandField(expanded, found, field)
	}
	return replaced(pattern, key, expanded)
}

// child finds a map below a key, anchored or not.
func child(pattern map[string]any, name string) (string, map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		anchor, anchored := ParseAnchor(key)
		if key == name || anchored && anchor.Key == name {
			value, _ := pattern[key].(map[string]any)
			return key, value
		}
	}
	return "", nil
}

func expandField(pattern, object map[string]any, field string) map[string]any {
	key, wanted := child(pattern, field)
	found, ok := object[field].(map[string]any)
	if wanted == nil || !ok {
		return pattern
	}
	expanded := map[string]any{}
	for name, value := range wanted {
		expanded[expandKey(name, found)] = value
	}
	return replaced(pattern, key, expanded)
}

func expandKey(key string, found map[string]any) string {
	anchor, anchored := ParseAnchor(key)
	glob := key
	if anchored {
		glob = anchor.Key
	}
	if !HasWildcard(glob) {
		return key
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !Match(glob, name) {
			continue
		}
		if anchored {
			return Anchor{Kind: anchor.Kind, Key: name}.String()
		}
		return name
	}
	return key
}

func replaced(pattern map[string]any, key string, value map[string]any) map[string]any {
	changed := maps.Clone(pattern)
	changed[key] = value
	return changed
}
