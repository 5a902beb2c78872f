package operator

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
)

// errNoCapability is returned for a kind that no Capability publishes.
var errNoCapability = errors.New("no capability publishes the kind")

// converters finds the converter of a kind, and keeps it while its Capability
// does not change.
type converters struct {
	reader client.Reader

	mu   sync.Mutex
	made map[types.UID]made // guarded by mu
}

// made is a converter, and of which generation.
type made struct {
	generation int64
	converter  *conversion.Converter
}

var _ conversion.Converters = (*converters)(nil)

// Converter returns the converter of a kind.
func (c *converters) Converter(ctx context.Context, kind schema.GroupKind) (*conversion.Converter, error) {
	var list v1alpha1.CapabilityList
	if err := c.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list capabilities: %w", err)
	}
	for i := range list.Items {
		found := &list.Items[i]
		if capability.Group(found) == kind.Group && found.Spec.Names.Kind == kind.Kind {
			return c.of(found)
		}
	}
	return nil, fmt.Errorf("%s: %w", kind, errNoCapability)
}

func (c *converters) of(found *v1alpha1.Capability) (*conversion.Converter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.made[found.UID]; ok && kept.generation == found.Generation {
		return kept.converter, nil
	}
	fresh, err := conversion.New(found)
	if err != nil {
		return nil, fmt.Errorf("capability %q: %w", found.Name, err)
	}
	if c.made == nil {
		c.made = map[types.UID]made{}
	}
	c.made[found.UID] = made{generation: found.Generation, converter: fresh}
	return fresh, nil
}
