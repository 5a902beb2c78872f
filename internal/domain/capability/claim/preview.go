package claim

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Preview is what provisioning a claim would do.
type Preview struct {
	// Revision renders it, and Policy says what becomes of it at the end.
	Revision string
	Policy   v1alpha1.DeletionPolicy
	// Approval is the mode of the capability.
	Approval v1alpha1.ApprovalMode
	Cost     *v1alpha1.ClaimCost
	// Objects are as they will be applied, in order. Expressions over objects that
	// do not exist yet stand as they are written.
	Objects []*unstructured.Unstructured
	// External is what is made outside the cluster.
	External []provision.External
	// Secret and Keys are the connection Secret; empty for none.
	Secret   string
	Keys     []string
	Endpoint string
}

// Previewer says what claims would do. reader reads Capabilities, revisions and
// namespaces with the rights of whoever asks.
type Previewer struct{ orders *orders }

// NewPreviewer returns a Previewer with the provisioners that the program has.
func NewPreviewer(reader client.Reader, factories map[v1alpha1.ProvisionerType]Factory) *Previewer {
	return &Previewer{&orders{read: reader, direct: reader, makers: NewMakers(factories)}}
}

// Preview says what provisioning a claim would do. The claim has its defaults, as
// the API server answers to a dry run.
func (p *Previewer) Preview(ctx context.Context, capability string, claim *unstructured.Unstructured) (*Preview, error) {
	order, err := p.orders.order(ctx, capability, &Claim{claim})
	if err != nil {
		return nil, err
	}
	plan, err := order.plan(ctx)
	if err != nil {
		return nil, err
	}
	made := &Preview{
		Revision: order.Revision.Name, Policy: order.Policy, Approval: order.Capability.Spec.Approval.Mode, Cost: order.Cost,
		External: plan.External, Keys: slices.Clone(plan.ConnectionKeys), Endpoint: plan.Endpoint,
	}
	if len(made.Keys) > 0 {
		made.Secret = connectionSecret(claim.GetName())
	}
	for _, object := range plan.Objects {
		desired, err := order.Desired(object)
		if err != nil {
			return nil, err
		}
		made.Objects = append(made.Objects, desired)
	}
	return made, nil
}

func (o *Order) plan(ctx context.Context) (provision.Preview, error) {
	if o.maker.Builtin != nil {
		return o.maker.Builtin.Plan(ctx, o.Input)
	}
	return o.maker.Renderer.Plan(ctx, o.Input)
}
