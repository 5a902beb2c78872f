package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// available says whether what is claimed can be provisioned. Where it cannot, the
// kind is served all the same: claims wait for the server, and say so.
func (c *capabilities) available(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	var missing []string
	for _, builtin := range builtins(published) {
		if err := c.Available(ctx, builtin); err != nil {
			missing = append(missing, fmt.Sprintf("provisioner %q: %v", builtin, err))
		}
	}
	if len(missing) == 0 {
		return steps.Done(capability.ReasonAvailable, "What is claimed is provisioned.")
	}
	return steps.Waiting(capability.ReasonProvisionerUnavailable, "Claims wait: "+strings.Join(missing, "; "), consumersAgain)
}

// builtins are Roadbed's own provisioners that a Capability uses, sorted.
func builtins(c *v1alpha1.Capability) []string {
	var names []string
	for _, v := range capability.Living(c) {
		if v.Provisioner.Type == v1alpha1.ProvisionerBuiltin && v.Provisioner.Builtin != nil {
			names = append(names, v.Provisioner.Builtin.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// availableAgain has those looked at whose provisioners may have come or gone.
func (c *capabilities) availableAgain(ctx context.Context) {
	c.waker.now(c.requests(ctx, func(each *v1alpha1.Capability) bool { return len(builtins(each)) > 0 }))
}
