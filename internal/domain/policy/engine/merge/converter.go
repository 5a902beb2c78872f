package merge

import (
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
)

// builtIn knows how lists of Kubernetes' own kinds are merged. It takes a
// moment to build, so nobody builds it who does not mutate.
var builtIn = sync.OnceValue(func() managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(scheme.Scheme)
})

// Converter is what merges apply configurations of a kind: Kubernetes' own, else
// what known has, which may be nil, else one that takes every list for atomic.
func Converter(kind schema.GroupVersionKind, known func(schema.GroupVersionKind) managedfields.TypeConverter) managedfields.TypeConverter {
	if scheme.Scheme.Recognizes(kind) {
		return builtIn()
	}
	if known != nil {
		if converter := known(kind); converter != nil {
			return converter
		}
	}
	return managedfields.NewDeducedTypeConverter()
}
