package translate

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// Key names an object of a kind; those without a namespace have none.
type Key = world.Key

// Flag is a FeatureFlag, as far as the gateway asks.
type Flag = world.Flag

// World is the part of a cluster that the gateway looks at.
type World = world.World

// NewWorld returns a World with nothing in it.
func NewWorld() *World { return world.New() }

func keyOf(object client.Object) Key { return client.ObjectKeyFromObject(object) }

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}
