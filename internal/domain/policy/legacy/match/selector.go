package match

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// Labels is a compiled label selector whose matchLabels may hold wildcards. The
// zero value selects everything.
type Labels struct {
	globs    map[string]string
	selector labels.Selector
}

// CompileLabels compiles a selector; nil selects everything.
func CompileLabels(selector *metav1.LabelSelector) (Labels, error) {
	if selector == nil {
		return Labels{}, nil
	}
	compiled := Labels{globs: map[string]string{}}
	exact := selector.DeepCopy()
	for _, key := range slices.Sorted(maps.Keys(selector.MatchLabels)) {
		if value := selector.MatchLabels[key]; pattern.HasWildcard(key) || pattern.HasWildcard(value) {
			compiled.globs[key] = value
			delete(exact.MatchLabels, key)
		}
	}
	var err error
	compiled.selector, err = metav1.LabelSelectorAsSelector(exact)
	return compiled, err
}

// Selects tells whether the labels fit.
func (l Labels) Selects(found map[string]string) bool {
	return fitsAll(l.globs, found) && (l.selector == nil || l.selector.Matches(labels.Set(found)))
}

// fitsAll tells whether for each pair of globs there is a pair that fits.
func fitsAll(globs, found map[string]string) bool {
	for key, value := range globs {
		if !fitsPair(key, value, found) {
			return false
		}
	}
	return true
}

func fitsPair(key, value string, found map[string]string) bool {
	for foundKey, foundValue := range found {
		if pattern.Match(key, foundKey) && pattern.Match(value, foundValue) {
			return true
		}
	}
	return false
}
