package claim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// steps are what has to become true of a claim, in order. The last tells Ready.
func (e *Engine) steps() []steps.Step[*Claim] {
	return []steps.Step[*Claim]{
		{Condition: ConditionAccepted, Run: e.accept},
		{Condition: ConditionApproved, Run: e.approve},
		{Condition: ConditionProvisioned, Holds: true, Run: e.provision},
		{Run: e.ready},
	}
}

// accept finds out what the claim means.
func (e *Engine) accept(ctx context.Context, claim *Claim) steps.Result {
	order, err := e.orders.order(ctx, e.capability, claim)
	if err != nil {
		return refused(err, 0)
	}
	if b := order.maker.Builtin; b != nil {
		if err := b.Available(ctx); err != nil {
			return steps.Waiting(ReasonUnavailable, err.Error(), unavailableAgain)
		}
	}
	passOf(ctx).order = order
	claim.set("version", order.Revision.Spec.Version)
	if order.Cost == nil {
		claim.set("cost", nil)
	} else {
		claim.set("cost", order.Cost)
	}
	return steps.Done(ReasonAccepted, fmt.Sprintf("The claim is for version %s; when it is deleted, what was made for it is %s.", order.Revision.Spec.Version, fate(order.Policy)))
}

// unavailableAgain is when a provisioner that lacks something is asked again.
const unavailableAgain = 30 * time.Second

func fate(policy v1alpha1.DeletionPolicy) string {
	switch policy {
	case v1alpha1.DeletionRetain:
		return "kept"
	case v1alpha1.DeletionSnapshot:
		return "saved and deleted"
	case v1alpha1.DeletionDelete:
	}
	return "deleted"
}

// refused is the result for an error, by whether the user must act.
func refused(err error, after time.Duration) steps.Result {
	why, is := refusedBy(err)
	switch {
	case !is && errors.Is(err, provision.ErrInvalid):
		return steps.Blocked(ReasonInvalidProvisioner, err.Error())
	case !is:
		return steps.Failed(ReasonFailed, err)
	case why.Pending:
		return steps.Waiting(why.Reason, why.Message, after)
	}
	blocked := steps.Blocked(why.Reason, why.Message)
	if why.Reason == ReasonNameTaken {
		blocked.After = kindAgain // What is in the way is not watched.
	}
	return blocked
}

// approve waits for whoever must agree to the claim as it is.
func (e *Engine) approve(ctx context.Context, claim *Claim) steps.Result {
	order := passOf(ctx).order
	policy := order.Capability.Spec.Approval
	if approval.Needed(policy.Mode) == 0 {
		return steps.Done(ReasonApproved, "The capability needs nobody's approval.")
	}
	hash := approval.Hash(order.Input.Claim)
	if used := claim.status().Approval; used != nil && used.Hash == hash {
		return steps.Done(ReasonApproved, fmt.Sprintf("Approved by %s.", strings.Join(used.Approvers, " and ")))
	}
	var all v1alpha1.ClaimApprovalList
	if err := e.orders.read.List(ctx, &all, client.InNamespace(claim.GetNamespace())); err != nil {
		return steps.Failed(ReasonFailed, fmt.Errorf("list approvals: %w", err))
	}
	decision := approval.Decide(policy, order.Input.Claim, hash, all.Items, e.clock.Now())
	switch decision.Verdict {
	case approval.Refused:
		return steps.Blocked(ReasonRejected, decision.Message)
	case approval.Awaited:
		return steps.Waiting(ReasonApprovalAwaited, decision.Message, 0)
	case approval.Granted:
	}
	if err := e.record(ctx, claim, ActionUseApproval, decision.Message); err != nil {
		return steps.Failed(ReasonTrailUnavailable, err)
	}
	claim.set("approval", v1alpha1.ClaimApprovalRecord{
		Approvers: decision.Approvers, Hash: hash, At: metav1.NewTime(e.clock.Now()),
	})
	return steps.Done(ReasonApproved, decision.Message)
}

// provision makes what was claimed.
func (e *Engine) provision(ctx context.Context, claim *Claim) steps.Result {
	order := passOf(ctx).order
	w, result, ok := e.prepare(ctx, order)
	if !ok {
		return result
	}
	if action, reason := deedOf(claim, order); action != "" {
		if err := e.record(ctx, claim, action, reason); err != nil {
			return steps.Failed(ReasonTrailUnavailable, err)
		}
	}
	out, err := w.make(ctx)
	if err == nil {
		err = w.connect(ctx, claim, out)
	}
	if err == nil {
		err = w.tidy(ctx, claim, out)
	}
	if apierrors.IsForbidden(err) {
		e.hands.Forget(order.Input.Tenant.Namespace, order.Revision.Name)
		if w.fresh {
			return steps.Waiting(ReasonRightsPending, "The rights of the capability's account are not in force yet.", rightsAgain).Briefly()
		}
	}
	if err != nil {
		return refused(err, kindAgain)
	}
	claim.set("revision", order.Revision.Name)
	w.tell(claim, out)
	passOf(ctx).waiting = ""
	if !out.Ready {
		passOf(ctx).waiting = out.Waiting
	}
	if len(out.Later) > 0 {
		return steps.Waiting(ReasonProvisioning, sentence(out.Waiting), 0)
	}
	return steps.Done(ReasonProvisioned, fmt.Sprintf("Everything is made as revision %s says.", order.Revision.Name))
}

// rightsAgain is when rights that were just given are tried again.
const rightsAgain = 100 * time.Millisecond

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

// prepare gives the account its rights and has the claim's kinds watched.
func (e *Engine) prepare(ctx context.Context, order *Order) (*work, steps.Result, bool) {
	w := &work{Engine: e, order: order, kinds: map[schema.GroupKind]schema.GroupVersionKind{secretKind.GroupKind(): secretKind}}
	if r := order.maker.Renderer; r != nil {
		for _, kind := range r.Kinds() {
			gvk := kind.GroupVersionKind()
			if err := e.watch(ctx, gvk, order); err != nil {
				return nil, refused(err, kindAgain), false
			}
			w.kinds[gvk.GroupKind()] = gvk
		}
	}
	secret := len(order.Revision.Spec.Connection.SecretKeys) > 0 || order.maker.External() || len(order.maker.Renderer.ConnectionKeys()) > 0
	var err error
	if w.fresh, err = e.hands.Grant(ctx, order.Revision, order.Input.Tenant.Namespace, secret); err == nil {
		w.as, err = e.hands.As(order.Input.Tenant.Namespace)
	}
	if err != nil {
		return nil, steps.Failed(ReasonFailed, err), false
	}
	return w, steps.Result{}, true
}

// kindAgain is when a kind that is not served yet is looked for again.
const kindAgain = 10 * time.Second

// make makes everything that can be made now: what becomes possible by what was
// made is made as well.
func (w *work) make(ctx context.Context) (provision.Output, error) {
	if w.order.maker.Builtin != nil {
		return w.ensure(ctx)
	}
	for {
		out, err := w.order.maker.Renderer.Render(ctx, w.order.Input, w.live(ctx))
		if err = errors.Join(err, w.failed); err != nil {
			return provision.Output{}, err
		}
		w.wrote = false
		for _, object := range out.Objects {
			if err := w.know(ctx, object); err != nil {
				return provision.Output{}, err
			}
			if err := w.bring(ctx, object); err != nil {
				return provision.Output{}, err
			}
		}
		if !w.wrote {
			return out, nil
		}
	}
}

// know has the kind of an object watched that was not known to be among the
// claim's. Objects that are there already are found from then on.
func (w *work) know(ctx context.Context, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	if _, known := w.kinds[gvk.GroupKind()]; known {
		return nil
	}
	if err := w.watch(ctx, gvk, w.order); err != nil {
		return err
	}
	w.kinds[gvk.GroupKind()], w.wrote = gvk, true
	return nil
}

// ensure has a builtin do its work, and applies the objects that it wants.
func (w *work) ensure(ctx context.Context) (provision.Output, error) {
	ref := provision.Ref{GroupKind: secretKind.GroupKind(), Name: connectionSecret(w.order.Input.Claim.GetName())}
	var previous map[string][]byte
	if live := w.live(ctx)(ref); live != nil {
		previous = secretData(live)
	}
	if w.failed != nil {
		return provision.Output{}, w.failed
	}
	out, err := w.order.maker.Builtin.Ensure(ctx, w.order.Input, previous)
	if err != nil {
		return provision.Output{}, err
	}
	for _, object := range out.Objects {
		if err := w.know(ctx, object); err != nil {
			return provision.Output{}, err
		}
		if err := w.bring(ctx, object); err != nil {
			return provision.Output{}, err
		}
	}
	return out, nil
}

// connect writes the connection Secret. One that is there stays while the claim
// is not ready.
func (w *work) connect(ctx context.Context, claim *Claim, out provision.Output) error {
	secret := w.order.secret(out.Connection)
	if secret == nil {
		if out.Ready {
			claim.set("connectionSecretRef", nil)
		}
		return nil
	}
	if err := w.bring(ctx, secret); err != nil {
		return err
	}
	claim.set("connectionSecretRef", v1alpha1.ClaimSecretReference{Name: secret.GetName()})
	return nil
}

// tidy deletes what is no longer wanted and writes the inventory.
func (w *work) tidy(ctx context.Context, claim *Claim, out provision.Output) error {
	keep := map[provision.Ref]bool{}
	var inventory []v1alpha1.ClaimResource
	add := func(ref provision.Ref, apiVersion, id string) {
		keep[ref] = true
		inventory = append(inventory, v1alpha1.ClaimResource{APIVersion: apiVersion, Kind: ref.Kind, Name: ref.Name, ID: id})
	}
	for _, object := range out.Objects {
		add(provision.RefOf(object), object.GetAPIVersion(), object.GetLabels()[v1alpha1.LabelResource])
	}
	for _, ref := range out.Later {
		keep[ref] = true
	}
	status := claim.status()
	if status.ConnectionSecretRef != nil {
		add(provision.Ref{GroupKind: secretKind.GroupKind(), Name: status.ConnectionSecretRef.Name}, "v1", "")
	}
	for _, each := range status.Resources { // what waits again is still there
		ref := provision.Ref{GroupKind: schema.FromAPIVersionAndKind(each.APIVersion, each.Kind).GroupKind(), Name: each.Name}
		if slices.Contains(out.Later, ref) {
			add(ref, each.APIVersion, each.ID)
		}
	}
	if err := w.prune(ctx, status.Resources, keep); err != nil {
		return err
	}
	if len(inventory) == 0 {
		claim.set("resources", nil)
		return nil
	}
	claim.set("resources", inventory)
	return nil
}

// common are the status fields that all claims have.
var common = []string{"observedGeneration", "conditions", "version", "revision", "endpoint", "connectionSecretRef", "cost", "resources", "approval", "lastAppliedHash"}

// tell writes what the claim says of itself.
func (w *work) tell(claim *Claim, out provision.Output) {
	if !out.Ready {
		return
	}
	claim.set("endpoint", nil)
	if out.Endpoint != "" {
		claim.set("endpoint", out.Endpoint)
	}
	for field, value := range out.Status {
		if !slices.Contains(common, field) {
			claim.set(field, value)
		}
	}
}

// What is outside the cluster tells nobody when it changes, so it is looked at
// again: soon while it is not ready, and else now and then.
const (
	externalSoon  = 3 * time.Second
	externalAgain = 10 * time.Minute
)

// ready says whether what was made can be used.
func (e *Engine) ready(ctx context.Context, _ *Claim) steps.Result {
	now := passOf(ctx)
	soon, again := time.Duration(0), time.Duration(0)
	if now.order.maker.External() {
		soon, again = externalSoon, externalAgain
	}
	if now.waiting != "" {
		return steps.Waiting(ReasonNotReady, sentence(now.waiting), soon)
	}
	done := steps.Done(condition.ReasonReady, "Everything that was claimed is in place.")
	done.After = again
	return done
}

// leave ends what is outside the cluster; the rest goes with its owner. It is asked
// of claims that came as far as to be provisioned, whether or not they can say so.
func (e *Engine) leave(ctx context.Context, claim *Claim) steps.Result {
	order, err := e.orders.order(ctx, e.capability, claim)
	switch {
	case err != nil:
		return refused(err, kindAgain)
	case order.maker.Builtin == nil:
		return steps.Done(ReasonDeleting, "Nothing outside the cluster belongs to the claim.")
	}
	if err := order.maker.Builtin.Available(ctx); err != nil {
		return steps.Waiting(ReasonUnavailable, err.Error(), unavailableAgain)
	}
	why := fmt.Sprintf("The claim was deleted: what was made for it is %s.", fate(order.Policy))
	if err := e.record(ctx, claim, ActionDeprovision, why); err != nil {
		return steps.Failed(ReasonTrailUnavailable, err)
	}
	done, err := order.maker.Builtin.Delete(ctx, order.Input, provision.DeletionPolicy(order.Policy))
	if err != nil {
		return refused(err, 0)
	}
	if !done {
		return steps.Waiting(ReasonDeleting, fmt.Sprintf("What was made is being %s.", fate(order.Policy)), deletingAgain)
	}
	return steps.Done(ReasonDeleting, fmt.Sprintf("What was made was %s.", fate(order.Policy)))
}

// deletingAgain is when a deletion that takes time is looked at again.
const deletingAgain = 5 * time.Second
