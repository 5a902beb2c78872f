package operator

import (
	"context"
	"fmt"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// The actions that are on the trail before they are taken.
const (
	// ActionPublish: what follows from a Capability, rights among it, is made,
	// changed or repaired.
	ActionPublish = "capability.capability.publish"
	// ActionWithdraw: what followed from a Capability is taken away.
	ActionWithdraw = "capability.capability.withdraw"
)

// publishing puts on the trail that a Capability is published as it is now.
func (c *capabilities) publishing(ctx context.Context, published *v1alpha1.Capability) error {
	return c.record(ctx, published, ActionPublish, fmt.Sprintf("Generation %d of the Capability says so.", published.Generation))
}

// record puts a deed on the trail. What it speaks of MUST NOT happen before it
// returned nil.
func (c *capabilities) record(ctx context.Context, published *v1alpha1.Capability, action, reason string) error {
	return c.deeds.Record(ctx, published.UID, trail.Record{
		Actor: identity.Self(), Action: action, Reason: reason,
		Object: trail.Object{Group: v1alpha1.GroupVersion.Group, Kind: "Capability", Name: published.Name},
	})
}
