package mutate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// CheckOverlay finds what is wrong with an overlay before any object is known:
// anchors that only judge, and directives that do not exist.
func CheckOverlay(overlay any, path string) error {
	switch node := overlay.(type) {
	case map[string]any:
		return checkObject(node, path)
	case []any:
		for i, element := range node {
			if err := CheckOverlay(element, path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkObject(overlay map[string]any, path string) error {
	for _, key := range slices.Sorted(maps.Keys(overlay)) {
		at := path + "." + key
		anchor, ok := pattern.ParseAnchor(key)
		if ok && isCondition(anchor.Kind) {
			// What is inside a condition judges, and may have any anchor.
			continue
		}
		if ok && anchor.Kind != pattern.AddIfNotPresent {
			return fmt.Errorf("%s: the anchor %s() judges and changes nothing; in an overlay use (key), <(key) or +(key)", at, anchor.Kind)
		}
		if word := overlay[key]; key == directive && word != "delete" && word != "replace" && word != "merge" {
			return fmt.Errorf("%s: %v is no directive; use delete, replace or merge", at, word)
		}
		if err := CheckOverlay(overlay[key], at); err != nil {
			return err
		}
	}
	return nil
}
