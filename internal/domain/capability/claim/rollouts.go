package claim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// rollouts opens the waves of revisions.
type rollouts struct {
	supervisor *Supervisor
	read       client.Client
	clock      clock.Clock
	runner     *steps.Runner[*v1alpha1.CapabilityRevision]

	mu    sync.Mutex
	queue queue           // guarded by mu; nil until the controller starts
	due   map[string]bool // capabilities that are about to be looked at; guarded by mu
}

func newRollouts(s *Supervisor, host *module.Host) *rollouts {
	r := &rollouts{supervisor: s, read: host.Manager.GetClient(), clock: host.Clock, due: map[string]bool{}}
	r.runner = steps.New(r.read, func() *v1alpha1.CapabilityRevision { return &v1alpha1.CapabilityRevision{} }, steps.Options{
		Name: RolloutName, Clock: host.Clock, Recorder: host.Manager.GetEventRecorder(RolloutName), Liveness: host.Liveness, Log: host.Log,
	}, []steps.Step[*v1alpha1.CapabilityRevision]{{Condition: ConditionRolledOut, Run: r.rollOut}, {Run: r.trim}})
	return r
}

func (r *rollouts) setup(mgr manager.Manager) error {
	hold := source.Func(func(_ context.Context, q queue) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.queue = q
		return nil
	})
	return r.runner.Setup(mgr, func(b *builder.Builder) *builder.Builder { return b.WatchesRawSource(hold) })
}

// pace is how often, at most, the claims of a capability are counted.
const pace = 500 * time.Millisecond

// poke has the newest revisions of a capability looked at soon.
func (r *rollouts) poke(capability string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue == nil || r.due[capability] {
		return
	}
	r.due[capability] = true
	time.AfterFunc(pace, func() { r.look(capability) })
}

// look enqueues the newest revisions of a capability that are not rolled out.
func (r *rollouts) look(capability string) {
	r.mu.Lock()
	delete(r.due, capability)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.enqueue(ctx, capability, func(rev *v1alpha1.CapabilityRevision) bool {
		return !condition.IsTrue(rev.Status.Conditions, ConditionRolledOut)
	})
}

// lookAtAll enqueues all revisions of a capability.
func (r *rollouts) lookAtAll(ctx context.Context, capability string) {
	r.enqueue(ctx, capability, func(*v1alpha1.CapabilityRevision) bool { return true })
}

func (r *rollouts) enqueue(ctx context.Context, capability string, which func(*v1alpha1.CapabilityRevision) bool) {
	r.mu.Lock()
	into := r.queue
	r.mu.Unlock()
	var all v1alpha1.CapabilityRevisionList
	if into == nil || r.read.List(ctx, &all, client.MatchingLabels{v1alpha1.LabelCapability: capability}) != nil {
		return // The next change of a claim or of the capability pokes again.
	}
	for i := range all.Items {
		if which(&all.Items[i]) {
			into.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: all.Items[i].Name}})
		}
	}
}

// rollOut opens the next wave when it may be opened.
func (r *rollouts) rollOut(ctx context.Context, rev *v1alpha1.CapabilityRevision) steps.Result {
	c := &v1alpha1.Capability{}
	if err := r.read.Get(ctx, client.ObjectKey{Name: rev.Spec.Capability}, c); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return r.withdraw(ctx, rev)
		}
		return steps.Failed(ReasonFailed, fmt.Errorf("read capability %q: %w", rev.Spec.Capability, err))
	}
	var all v1alpha1.CapabilityRevisionList
	if err := r.read.List(ctx, &all); err != nil {
		return steps.Failed(ReasonFailed, fmt.Errorf("list revisions: %w", err))
	}
	known := revision.Of(all.Items, c.Name, rev.Spec.Version)
	if len(known) > 0 && known[0].Spec.Number > rev.Spec.Number {
		return steps.Done(ReasonSuperseded, fmt.Sprintf("Revision %s has taken over.", known[0].Name))
	}
	standing, err := r.standing(ctx, c, rev)
	if errors.Is(err, errUnknown) {
		return steps.Waiting(ReasonRollingOut, "The claims are not known yet.", pace).Briefly()
	}
	if err != nil {
		return steps.Failed(ReasonFailed, err)
	}
	progress := revision.Advance(c.Spec.Rollout, rev, rev.Spec.Number == 1, standing, r.clock.Now())
	if progress.Open != rev.Status.OpenWaves {
		rev.Status.OpenWaves = progress.Open
		rev.Status.WavesAt = new(metav1.NewTime(r.clock.Now()))
	}
	switch {
	case progress.Done:
		return steps.Done(ReasonRolledOut, progress.Message)
	case progress.Stopped:
		return steps.Blocked(ReasonStopped, progress.Message)
	}
	return steps.Waiting(ReasonRollingOut, progress.Message, progress.After)
}

// withdraw deletes the revisions of a capability that went while nobody looked.
func (r *rollouts) withdraw(ctx context.Context, rev *v1alpha1.CapabilityRevision) steps.Result {
	if err := r.supervisor.keeper.Withdraw(ctx, rev.Spec.Capability); err != nil {
		return steps.Failed(ReasonFailed, err)
	}
	return steps.Done(ReasonSuperseded, "The capability is gone.")
}

// trim deletes revisions that are older than those that are kept.
func (r *rollouts) trim(ctx context.Context, rev *v1alpha1.CapabilityRevision) steps.Result {
	done := steps.Done(condition.ReasonReady, "Everything that was asked for is in place.")
	c := &v1alpha1.Capability{}
	if err := r.read.Get(ctx, client.ObjectKey{Name: rev.Spec.Capability}, c); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return done
		}
		return steps.Failed(ReasonFailed, fmt.Errorf("read capability %q: %w", rev.Spec.Capability, err))
	}
	if kind, ok := kindOf(c); ok {
		if err := r.supervisor.keeper.Trim(ctx, c, rev.Spec.Version, kind); err != nil {
			return steps.Failed(ReasonFailed, err)
		}
	}
	return done
}

// standing is how the floating claims of the revision's version stand.
func (r *rollouts) standing(ctx context.Context, c *v1alpha1.Capability, rev *v1alpha1.CapabilityRevision) ([]revision.Standing, error) {
	engine := r.supervisor.engine(c.Name)
	if engine == nil {
		return nil, r.unclaimed(ctx, c)
	}
	all, err := engine.Claims(ctx)
	if err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	var standing []revision.Standing
	for i := range all {
		claim := &Claim{&all[i]}
		version, err := versionOf(c, claim)
		platform := claim.platform()
		if err != nil || version != rev.Spec.Version || platform.Revision != "" || platform.Updates == v1alpha1.UpdatesPinned {
			continue
		}
		namespace := &corev1.Namespace{}
		if err := r.read.Get(ctx, client.ObjectKey{Name: claim.GetNamespace()}, namespace, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("read namespace %q: %w", claim.GetNamespace(), err)
		}
		standing = append(standing, stand(claim, rev.Name, revision.WaveOf(c.Spec.Rollout, tenantOf(namespace).Tier)))
	}
	return standing, nil
}

// unclaimed is nil where the capability's kind is not there, so that nothing is
// claimed of it. After a start, engines are a moment later than revisions.
func (r *rollouts) unclaimed(ctx context.Context, c *v1alpha1.Capability) error {
	err := r.read.Get(ctx, client.ObjectKey{Name: capability.Definition(c)}, &apiextensionsv1.CustomResourceDefinition{})
	if err == nil {
		return errUnknown
	}
	return client.IgnoreNotFound(err)
}

// stand is how one claim stands.
func stand(claim *Claim, target string, wave int32) revision.Standing {
	status := claim.status()
	ready := condition.Get(status.Conditions, condition.Ready)
	current := ready != nil && ready.ObservedGeneration == claim.GetGeneration()
	s := revision.Standing{
		Claim: claim.GetNamespace() + "/" + claim.GetName(), Wave: wave, Arrived: status.Revision == target,
		Ready: current && ready.Status == metav1.ConditionTrue,
	}
	if !current || s.Ready {
		return s
	}
	s.Failed = !waits(ready.Reason)
	return s
}

// waits says whether a claim that is not Ready for a reason may become so by
// itself.
func waits(reason string) bool {
	switch reason {
	case ReasonProvisioning, ReasonNotReady, ReasonRightsPending, ReasonRevisionPending, ReasonDeleting, condition.ReasonPending:
		return true
	}
	return false
}
