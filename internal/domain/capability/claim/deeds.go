package claim

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// The actions that are on the trail before they are taken. One that a crash has
// interrupted may be there twice.
const (
	// ActionUseApproval: a claim is provisioned because people have approved it.
	ActionUseApproval = "capability.approval.use"
	// ActionProvision: a claim is provisioned for the first time.
	ActionProvision = "capability.claim.provision"
	// ActionUpdate: a claim is provisioned anew, because it or its revision changed.
	ActionUpdate = "capability.claim.update"
	// ActionRollback: a claim is provisioned by an earlier revision than before.
	ActionRollback = "capability.claim.rollback"
	// ActionDeprovision: what is outside the cluster goes with its claim.
	ActionDeprovision = "capability.claim.deprovision"
)

// record puts a deed on the trail. What it speaks of MUST NOT happen before it
// returned nil.
func (e *Engine) record(ctx context.Context, claim *Claim, action, reason string) error {
	return e.deeds.Record(ctx, claim.GetUID(), trail.Record{
		Actor: identity.Self(), Action: action, Reason: reason,
		Object: trail.Object{Group: claim.GroupVersionKind().Group, Kind: claim.GetKind(), Namespace: claim.GetNamespace(), Name: claim.GetName()},
	})
}

// deedOf says what provisioning a claim is, and why it is done; action is empty
// when it only keeps things as they are.
func deedOf(claim *Claim, order *Order) (action, reason string) {
	status := claim.status()
	by := ""
	if who := approval.Requester(claim.Unstructured); who != "" {
		by = fmt.Sprintf(", as %s asked", who)
	}
	last := condition.Get(status.Conditions, ConditionProvisioned)
	switch {
	case status.Revision == "":
		return ActionProvision, fmt.Sprintf("The claim is rendered by revision %s%s.", order.Revision.Name, by)
	case status.Revision != order.Revision.Name && order.back:
		return ActionRollback, fmt.Sprintf("The claim goes back from revision %s to %s.", status.Revision, order.Revision.Name)
	case status.Revision != order.Revision.Name:
		return ActionUpdate, fmt.Sprintf("The claim goes from revision %s to %s.", status.Revision, order.Revision.Name)
	case last == nil || last.ObservedGeneration != claim.GetGeneration() || last.Status == metav1.ConditionUnknown:
		return ActionUpdate, fmt.Sprintf("Generation %d of the claim is rendered by revision %s%s.", claim.GetGeneration(), order.Revision.Name, by)
	}
	return "", ""
}
