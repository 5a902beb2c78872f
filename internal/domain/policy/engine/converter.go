package engine

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

// converters find the one for a kind.
type converters struct{ options Options }

// of is the converter of a kind: Kubernetes' own, else what the options know,
// else one that takes every list for atomic.
func (c converters) of(kind schema.GroupVersionKind) managedfields.TypeConverter {
	if scheme.Scheme.Recognizes(kind) {
		return builtIn()
	}
	if c.options.TypeConverter != nil {
		if known := c.options.TypeConverter(kind); known != nil {
			return known
		}
	}
	return managedfields.NewDeducedTypeConverter()
}
