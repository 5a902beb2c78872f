// Package steps runs every controller of Roadbed's: a controller is a list of
// steps, and the one Runner here owns what they have in common. That is the
// finalizer, the conditions with their observed generation, one status write
// per pass, one Event per change, retries with backoff, metrics, and the sign
// of life that /readyz waits for.
//
// What always holds: a pass that finds nothing to change writes nothing; a
// pass over an object older than the runner's own last write to it does
// nothing; teardown comes before the finalizer goes.
package steps

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Object is a kind that a Runner can drive: it has a status with conditions.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	SetObservedGeneration(int64)
}

// Step is one thing that has to become true of an object.
type Step[T Object] struct {
	// Condition is the type of the condition that tells how the step ended;
	// empty if only Ready tells it. It also names the step in metrics, and as
	// the action in Events.
	Condition string
	// Holds says that the object gets its finalizer right before this step, and
	// not at the beginning: the steps before it leave nothing behind. An object
	// that is deleted without the finalizer has never come so far.
	Holds bool
	// Run makes it true, or finds that it is. It may be called any number of
	// times and at once for different objects. It MUST NOT sleep, and MUST NOT
	// change anything of obj but its status, which the runner writes. The
	// conditions of steps and Ready are the runner's.
	Run func(ctx context.Context, obj T) Result
}

// Backoff bounds the pauses between attempts after a failure; they double.
type Backoff struct{ Min, Max time.Duration }

// Options are what a Runner needs beside its steps. Name is required.
type Options struct {
	// Name is the controller's name in metrics, logs, Events and /readyz.
	Name string
	// Finalizer holds an object until its teardown is done; empty means none,
	// and no teardown.
	Finalizer string
	// Concurrency is how many objects are worked on at once; 0 means 1.
	Concurrency int
	// Clock tells transition times and drives the heartbeat; nil means the wall clock.
	Clock clock.Clock
	// Recorder takes Events, nil means none: manager.GetEventRecorder makes one.
	Recorder events.EventRecorder
	// Liveness hears the signs of life; nil means nobody asks for them.
	Liveness module.Liveness
	// Log takes what operators must see; nil means slog's default logger.
	Log *slog.Logger
	// Backoff is 100 ms to 1 min where it is zero.
	Backoff Backoff
}

func (o Options) withDefaults() Options {
	o.Concurrency = cmp.Or(o.Concurrency, 1)
	o.Clock = cmp.Or[clock.Clock](o.Clock, clock.RealClock{})
	o.Liveness = cmp.Or[module.Liveness](o.Liveness, NewLiveness(o.Clock, SilenceLimit))
	o.Log = cmp.Or(o.Log, slog.Default())
	o.Backoff.Min = cmp.Or(o.Backoff.Min, 100*time.Millisecond)
	o.Backoff.Max = cmp.Or(o.Backoff.Max, time.Minute)
	return o
}

// Runner drives the objects of one kind through a list of steps.
type Runner[T Object] struct {
	client    client.Client
	newObject func() T
	opts      Options
	steps     []Step[T]
	teardown  []Step[T]
	writes    ownWrites
	brief     briefWaits
}

// New returns a Runner for the kind that newObject makes. The client reads
// from a cache that gives copies (controller-runtime's does by default).
// Steps run in order until one is not done; teardown is the same for an object
// that is being deleted.
func New[T Object](c client.Client, newObject func() T, opts Options, steps []Step[T], teardown ...Step[T]) *Runner[T] {
	return &Runner[T]{client: c, newObject: newObject, opts: opts.withDefaults(), steps: steps, teardown: teardown}
}

// Reconcile makes one pass over the object that the request names.
func (r *Runner[T]) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	defer r.beat()
	if req == heartbeat {
		return reconcile.Result{}, nil
	}
	obj := r.newObject()
	if err := r.client.Get(ctx, req.NamespacedName, obj); apierrors.IsNotFound(err) {
		r.writes.forget(req.NamespacedName)
		r.brief.left(req.NamespacedName, false, r.opts.Clock.Now())
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, fmt.Errorf("read %s: %w", req, err)
	}
	if r.writes.newerThan(obj) {
		// The watch will bring our own write soon and wake us; the timer is
		// for the watch that breaks.
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	result, err := r.pass(ctx, obj)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: r.opts.Backoff.Min}, nil
	}
	return result, err
}

func (r *Runner[T]) pass(ctx context.Context, obj T) (reconcile.Result, error) {
	if !obj.GetDeletionTimestamp().IsZero() {
		return r.release(ctx, obj)
	}
	original := obj.DeepCopyObject().(T)
	if !slices.ContainsFunc(r.steps, func(s Step[T]) bool { return s.Holds }) {
		if err := r.hold(ctx, original, obj); err != nil {
			return reconcile.Result{}, err
		}
	}
	last, err := r.walk(ctx, original, obj, r.steps)
	if err != nil {
		return reconcile.Result{}, err
	}
	return r.conclude(ctx, original, obj, last)
}

// release tears an object down that is being deleted and lets go of it.
func (r *Runner[T]) release(ctx context.Context, obj T) (reconcile.Result, error) {
	if r.opts.Finalizer == "" || !controllerutil.ContainsFinalizer(obj, r.opts.Finalizer) {
		return reconcile.Result{}, nil
	}
	original := obj.DeepCopyObject().(T)
	last, err := r.walk(ctx, original, obj, r.teardown)
	if err != nil {
		return reconcile.Result{}, err
	}
	if last.Outcome != OutcomeDone {
		return r.conclude(ctx, original, obj, last)
	}
	return reconcile.Result{}, client.IgnoreNotFound(r.patchFinalizer(ctx, original, controllerutil.RemoveFinalizer))
}

// hold gives an object its finalizer, if it has none: the one on the API server,
// and both that this pass has of it.
func (r *Runner[T]) hold(ctx context.Context, original, obj T) error {
	if r.opts.Finalizer == "" || controllerutil.ContainsFinalizer(obj, r.opts.Finalizer) {
		return nil
	}
	held := original.DeepCopyObject().(T)
	if err := r.patchFinalizer(ctx, held, controllerutil.AddFinalizer); err != nil {
		return err
	}
	for _, each := range []T{original, obj} {
		each.SetFinalizers(held.GetFinalizers())
		each.SetResourceVersion(held.GetResourceVersion())
	}
	return nil
}

// patchFinalizer writes the finalizers against the version that was read: a
// merge patch replaces the whole list, and others have finalizers too.
func (r *Runner[T]) patchFinalizer(ctx context.Context, obj T, change func(client.Object, string) bool) error {
	base := client.MergeFromWithOptions(obj.DeepCopyObject().(client.Object), client.MergeFromWithOptimisticLock{})
	change(obj, r.opts.Finalizer)
	if err := r.client.Patch(ctx, obj, base); err != nil {
		return fmt.Errorf("write finalizer of %s: %w", client.ObjectKeyFromObject(obj), err)
	}
	r.writes.remember(obj)
	return nil
}

// walk runs the steps until one is not done and puts down their conditions. It
// returns the last result, or the error that means this pass must be forgotten:
// another writer was faster, or the object cannot be held.
func (r *Runner[T]) walk(ctx context.Context, original, obj T, steps []Step[T]) (Result, error) {
	last := Done(condition.ReasonReady, "Everything that was asked for is in place.")
	soonest := time.Duration(0)
	ctx, cancel := untilTelling(ctx)
	defer cancel()
	for i, step := range steps {
		if step.Holds {
			if err := r.hold(ctx, original, obj); err != nil {
				return Result{}, err
			}
		}
		result := r.run(ctx, obj, step)
		if apierrors.IsConflict(result.Err) {
			return Result{}, result.Err
		}
		r.set(obj, step.Condition, result)
		if result.Outcome != OutcomeDone {
			r.setPending(obj, steps[i+1:], step.Condition)
			last = result
			break
		}
		soonest = sooner(soonest, result.After)
	}
	last.After = sooner(soonest, last.After)
	r.set(obj, condition.Ready, last)
	obj.SetObservedGeneration(obj.GetGeneration())
	return last, nil
}

// untilTelling ends with nine tenths of the time that a pass has left: the rest
// is for writing the status, or nobody would learn of a step that hangs.
func untilTelling(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/10))
}

// sooner is the shorter of two times, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// run runs one step, measures it and turns a panic into a failure: one bad
// object must not stop the work on all others.
func (r *Runner[T]) run(ctx context.Context, obj T, step Step[T]) (result Result) {
	start := r.opts.Clock.Now()
	defer func() {
		if fault := recover(); fault != nil {
			r.opts.Log.ErrorContext(ctx, "step panicked", "controller", r.opts.Name, "step", step.Condition,
				"namespace", obj.GetNamespace(), "name", obj.GetName(), "panic", fault, "stack", string(debug.Stack()))
			result = Failed(condition.ReasonPanicked, fmt.Errorf("step %q panicked: %v", step.Condition, fault))
		}
		if result.Outcome == "" {
			result = Failed(condition.ReasonPanicked, fmt.Errorf("step %q ended without a result", step.Condition))
		}
		result.step = step.Condition
		shared().observe(r.opts.Name, step.Condition, result.Outcome, r.opts.Clock.Since(start))
	}()
	return step.Run(ctx, obj)
}

// set puts down how a step ended. A failure that repeats keeps its message:
// were each attempt's port or request number written, the write would wake the
// controller at once, past all backoff.
func (r *Runner[T]) set(obj T, conditionType string, result Result) {
	c := metav1.Condition{Type: conditionType, Status: metav1.ConditionFalse, Reason: result.Reason, Message: result.Message}
	if result.Outcome == OutcomeDone {
		c.Status = metav1.ConditionTrue
	}
	old := condition.Get(obj.GetConditions(), conditionType)
	if result.Outcome == OutcomeFailed && old != nil && old.Reason == c.Reason && alike(old.Message, c.Message) {
		c.Message = old.Message
	}
	r.put(obj, c)
}

// setPending marks the steps that were not reached, unless what they said of
// this very generation is still there to be read.
func (r *Runner[T]) setPending(obj T, rest []Step[T], after string) {
	for _, step := range rest {
		old := condition.Get(obj.GetConditions(), step.Condition)
		if old != nil && old.ObservedGeneration >= obj.GetGeneration() {
			continue
		}
		r.put(obj, metav1.Condition{
			Type: step.Condition, Status: metav1.ConditionUnknown, Reason: condition.ReasonPending,
			Message: fmt.Sprintf("Waits for %s.", cmp.Or(after, "an earlier step")),
		})
	}
}

func (r *Runner[T]) put(obj T, c metav1.Condition) {
	if c.Type == "" {
		return
	}
	c.ObservedGeneration = obj.GetGeneration()
	c.LastTransitionTime = metav1.NewTime(r.opts.Clock.Now())
	conds := obj.GetConditions()
	condition.Set(&conds, c)
	obj.SetConditions(conds)
}

// conclude writes the status if it changed, says what changed, and decides
// when to look again.
func (r *Runner[T]) conclude(ctx context.Context, original, obj T, last Result) (reconcile.Result, error) {
	brief := last.Outcome == OutcomeWaiting && last.Brief && condition.Get(original.GetConditions(), condition.Ready) == nil
	if left := r.brief.left(client.ObjectKeyFromObject(obj), brief, r.opts.Clock.Now()); left > 0 {
		return reconcile.Result{RequeueAfter: sooner(left, last.After)}, nil
	}
	if !equality.Semantic.DeepEqual(original, obj) {
		written := obj.DeepCopyObject().(T)
		err := r.client.Status().Patch(ctx, written, client.MergeFrom(original))
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("write status of %s: %w", client.ObjectKeyFromObject(obj), err)
		}
		r.writes.remember(written)
		r.announce(original, obj, last)
	}
	if last.Err != nil {
		return reconcile.Result{}, last.Err
	}
	return reconcile.Result{RequeueAfter: last.After}, nil
}
