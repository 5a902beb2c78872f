// Package operator says of each ClaimApproval whether it still counts, and puts
// on the trail that it was given and that it ended. That it was used is recorded
// with the claim.
//
// What always holds: what an approval allows does not depend on this package; it
// tells what approval.Decide goes by. Approvals are never deleted here.
package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/deed"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Name is the name of the controller.
const Name = "capability-approval"

// What is recorded of an approval on the trail.
const (
	// ActionGive: somebody approves a claim.
	ActionGive = "capability.approval.give"
	// ActionReject: somebody rejects a claim.
	ActionReject = "capability.approval.reject"
	// ActionExpire: an approval approves nothing any more.
	ActionExpire = "capability.approval.expire"
)

// The condition types of approvals.
const (
	// ConditionRecorded says whether the approval is on the trail.
	ConditionRecorded = "Recorded"
	// ConditionInForce says whether the approval still counts.
	ConditionInForce = "InForce"
)

// Reasons of the conditions of approvals.
const (
	// ReasonRecorded: the approval is on the trail.
	ReasonRecorded = "Recorded"
	// ReasonInForce: the approval counts.
	ReasonInForce = "InForce"
	// ReasonExpired: the approval approves nothing any more.
	ReasonExpired = "Expired"
	// ReasonTrailUnavailable: the trail takes no record now.
	ReasonTrailUnavailable = "TrailUnavailable"
	// ReasonFailed: an attempt went wrong and is made again.
	ReasonFailed = "Failed"
)

// approvals writes the status of approvals.
type approvals struct {
	read  client.Reader
	clock clock.PassiveClock
	deeds *deed.Book
}

// Setup adds the controller to the host.
func Setup(host *module.Host) error {
	a := &approvals{read: host.Manager.GetClient(), clock: host.Clock, deeds: deed.NewBook(host.Trail)}
	runner := steps.New(host.Manager.GetClient(), func() *v1alpha1.ClaimApproval { return &v1alpha1.ClaimApproval{} }, steps.Options{
		Name: Name, Clock: host.Clock, Recorder: host.Manager.GetEventRecorder(Name), Liveness: host.Liveness, Log: host.Log,
	}, a.steps())
	return runner.Setup(host.Manager, func(b *builder.Builder) *builder.Builder { return b })
}

func (a *approvals) steps() []steps.Step[*v1alpha1.ClaimApproval] {
	return []steps.Step[*v1alpha1.ClaimApproval]{
		{Condition: ConditionRecorded, Run: a.give},
		{Condition: ConditionInForce, Run: a.enforce},
	}
}

// give puts on the trail who approved or rejected what.
func (a *approvals) give(ctx context.Context, o *v1alpha1.ClaimApproval) steps.Result {
	done := steps.Done(ReasonRecorded, "The trail says who decided, and on what.")
	if condition.IsTrue(o.Status.Conditions, ConditionRecorded) {
		return done
	}
	action, deed := ActionGive, "Approved"
	if o.Spec.Verdict == v1alpha1.ApprovalRejected {
		action, deed = ActionReject, "Rejected"
	}
	reason := fmt.Sprintf("%s %s %q with hash %s", deed, o.Spec.ClaimRef.Kind, o.Spec.ClaimRef.Name, o.Spec.Hash)
	if o.Spec.Reason != "" {
		reason += ": " + strings.TrimSuffix(o.Spec.Reason, ".")
	}
	groups := strings.Split(o.Annotations[v1alpha1.AnnotationApproverGroups], "\n")
	if err := a.record(ctx, o, identity.Of(o.Spec.Approver, groups...), action, reason+"."); err != nil {
		return steps.Failed(ReasonTrailUnavailable, err)
	}
	return done
}

// enforce says until when the approval counts.
func (a *approvals) enforce(ctx context.Context, o *v1alpha1.ClaimApproval) steps.Result {
	if o.Spec.Verdict == v1alpha1.ApprovalRejected {
		return steps.Done(ReasonInForce, "It counts until the claim is changed or the rejection deleted.")
	}
	policy, err := a.policy(ctx, o)
	if err != nil {
		return steps.Failed(ReasonFailed, err)
	}
	ends := approval.Ends(policy, o)
	moment := ends.UTC().Format(time.RFC3339)
	if left := ends.Sub(a.clock.Now()); left > 0 {
		done := steps.Done(ReasonInForce, fmt.Sprintf("It counts until %s.", moment))
		done.After = left
		return done
	}
	told := condition.Get(o.Status.Conditions, ConditionInForce)
	if told == nil || told.Reason != ReasonExpired {
		if err := a.record(ctx, o, identity.Self(), ActionExpire, fmt.Sprintf("It counted until %s.", moment)); err != nil {
			return steps.Failed(ReasonTrailUnavailable, err)
		}
	}
	return steps.Blocked(ReasonExpired, fmt.Sprintf("It counted until %s; what was provisioned with it stays.", moment))
}

// policy is what the claim's capability says of approvals; nothing when the
// capability is gone.
func (a *approvals) policy(ctx context.Context, o *v1alpha1.ClaimApproval) (v1alpha1.ApprovalPolicy, error) {
	var all v1alpha1.CapabilityList
	if err := a.read.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return v1alpha1.ApprovalPolicy{}, fmt.Errorf("list capabilities: %w", err)
	}
	of := schema.FromAPIVersionAndKind(o.Spec.ClaimRef.APIVersion, o.Spec.ClaimRef.Kind)
	for i := range all.Items {
		group := all.Items[i].Spec.Group
		if group == "" {
			group = v1alpha1.ClaimsGroup
		}
		if group == of.Group && all.Items[i].Spec.Names.Kind == of.Kind {
			return all.Items[i].Spec.Approval, nil
		}
	}
	return v1alpha1.ApprovalPolicy{}, nil
}

func (a *approvals) record(ctx context.Context, o *v1alpha1.ClaimApproval, by identity.Actor, action, reason string) error {
	return a.deeds.Record(ctx, o.UID, trail.Record{
		Time: a.clock.Now().UTC(), Actor: by, Action: action, Reason: reason,
		Object: trail.Object{Group: v1alpha1.GroupVersion.Group, Kind: "ClaimApproval", Namespace: o.Namespace, Name: o.Name},
	})
}
