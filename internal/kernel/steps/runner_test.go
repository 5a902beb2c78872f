package steps_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const finalizer = "steps.roadbed.dev/test"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type (
	unit = v1alpha1.BusinessUnit
	step = steps.Step[*unit]
)

func newUnit() *unit { return &unit{} }

// bench is one object on a real API server, and a view of what is written to it.
type bench struct {
	client client.WithWatch
	key    client.ObjectKey
	events *events.FakeRecorder
	writes atomic.Int32
	// stale answers reads with an older object while it is set.
	stale atomic.Pointer[unit]
}

func newBench(t *testing.T) *bench {
	t.Helper()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	direct, err := client.NewWithWatch(env.Admin, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatalf("make client: %v", err)
	}
	b := &bench{events: events.NewFakeRecorder(100)}
	b.client = interceptor.NewClient(direct, interceptor.Funcs{Get: b.get, Patch: b.patch, SubResourcePatch: b.patchStatus})
	object := &unit{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "steps-"},
		Spec:       v1alpha1.BusinessUnitSpec{Jurisdictions: []string{"uk"}},
	}
	if err := direct.Create(t.Context(), object); err != nil {
		t.Fatalf("create business unit: %v", err)
	}
	b.key = client.ObjectKeyFromObject(object)
	t.Cleanup(func() {
		ctx := context.Background()
		bare := &unit{ObjectMeta: metav1.ObjectMeta{Name: object.Name}}
		err := direct.Patch(ctx, bare, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))
		if err := errors.Join(client.IgnoreNotFound(err), client.IgnoreNotFound(direct.Delete(ctx, bare))); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return b
}

func (b *bench) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if old := b.stale.Load(); old != nil {
		old.DeepCopyInto(obj.(*unit))
		return nil
	}
	return c.Get(ctx, key, obj, opts...)
}

func (b *bench) patch(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	b.writes.Add(1)
	return c.Patch(ctx, obj, patch, opts...)
}

func (b *bench) patchStatus(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	b.writes.Add(1)
	return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
}

func (b *bench) runner(opts steps.Options, list []step, teardown ...step) *steps.Runner[*unit] {
	opts.Name = "steps-test"
	opts.Clock = clocktesting.NewFakeClock(noon)
	opts.Recorder = b.events
	opts.Log = slog.New(slog.DiscardHandler)
	return steps.New(b.client, newUnit, opts, list, teardown...)
}

// pass reconciles once and returns how it ended and what it wrote and said.
func (b *bench) pass(t *testing.T, r reconcile.Reconciler) (result reconcile.Result, writes int32, said []string, err error) {
	t.Helper()
	before := b.writes.Load()
	result, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: b.key})
	for {
		select {
		case event := <-b.events.Events:
			said = append(said, event)
		default:
			return result, b.writes.Load() - before, said, err
		}
	}
}

func (b *bench) read(t *testing.T) *unit {
	t.Helper()
	object := newUnit()
	if err := b.client.Get(t.Context(), b.key, object); err != nil {
		t.Fatalf("read business unit: %v", err)
	}
	return object
}

// told gives the conditions as "Type=Status Reason: Message".
func told(object *unit) []string {
	var lines []string
	for _, c := range object.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return lines
}

// ends is a step that always ends the same way.
func ends(conditionType string, result steps.Result) step {
	return step{Condition: conditionType, Run: func(context.Context, *unit) steps.Result { return result }}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	reserved := ends("Reserved", steps.Done("Reserved", "4 cores are reserved."))
	panics := step{Condition: "Applied", Run: func(context.Context, *unit) steps.Result { panic("out of paper") }}
	cases := map[string]struct {
		reason  string
		step    step
		want    []string
		wantErr string
		after   time.Duration
		said    []string
	}{
		"Done": {
			reason: "an object whose steps are all done is ready, and one Event says so",
			step:   ends("Applied", steps.Done("Applied", "9 objects are in place.")),
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=True Applied: 9 objects are in place.",
				"Live=True Live: ",
				"Ready=True Ready: Everything that was asked for is in place.",
			},
			said: []string{"Normal Ready Everything that was asked for is in place."},
		},
		"Done for now": {
			reason: "what is done and has an end is looked at again at its end",
			step: step{Condition: "Applied", Run: func(context.Context, *unit) steps.Result {
				result := steps.Done("Applied", "The key is valid for an hour.")
				result.After = time.Hour
				return result
			}},
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=True Applied: The key is valid for an hour.",
				"Live=True Live: ",
				"Ready=True Ready: Everything that was asked for is in place.",
			},
			after: time.Hour,
			said:  []string{"Normal Ready Everything that was asked for is in place."},
		},
		"Waiting": {
			reason: "waiting stops the steps, comes back in time and is no event",
			step:   ends("Applied", steps.Waiting("QuotaNotLive", "The quota is not live yet.", time.Minute)),
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=False QuotaNotLive: The quota is not live yet.",
				"Live=Unknown Pending: Waits for Applied.",
				"Ready=False QuotaNotLive: The quota is not live yet.",
			},
			after: time.Minute,
		},
		"Blocked": {
			reason: "blocked stops the steps, warns and does not come back",
			step:   ends("Applied", steps.Blocked("UnknownTier", "Tier \"gold\" does not exist: 100% unknown.")),
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=False UnknownTier: Tier \"gold\" does not exist: 100% unknown.",
				"Live=Unknown Pending: Waits for Applied.",
				"Ready=False UnknownTier: Tier \"gold\" does not exist: 100% unknown.",
			},
			said: []string{"Warning UnknownTier Tier \"gold\" does not exist: 100% unknown."},
		},
		"Failed": {
			reason: "a failure stops the steps, warns and is given to the backoff",
			step:   ends("Applied", steps.Failed("ApplyFailed", errors.New("no quorum"))),
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=False ApplyFailed: no quorum",
				"Live=Unknown Pending: Waits for Applied.",
				"Ready=False ApplyFailed: no quorum",
			},
			wantErr: "no quorum",
			said:    []string{"Warning ApplyFailed no quorum"},
		},
		"Panic": {
			reason: "a step that panics has failed, and the program lives on",
			step:   panics,
			want: []string{
				"Reserved=True Reserved: 4 cores are reserved.",
				"Applied=False Panicked: step \"Applied\" panicked: out of paper",
				"Live=Unknown Pending: Waits for Applied.",
				"Ready=False Panicked: step \"Applied\" panicked: out of paper",
			},
			wantErr: "out of paper",
			said:    []string{"Warning Panicked step \"Applied\" panicked: out of paper"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			runner := b.runner(steps.Options{}, []step{reserved, tc.step, ends("Live", steps.Done("Live", ""))})

			result, writes, said, err := b.pass(t, runner)
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error is %v, want %q: %s", err, tc.wantErr, tc.reason)
			}
			if result.RequeueAfter != tc.after || writes != 1 {
				t.Errorf("comes back after %s, want %s; wrote %d times, want once: %s", result.RequeueAfter, tc.after, writes, tc.reason)
			}
			object := b.read(t)
			if diff := cmp.Diff(tc.want, told(object)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Errorf("events: %s (-want +got):\n%s", tc.reason, diff)
			}
			if object.Status.ObservedGeneration != object.Generation {
				t.Errorf("observed generation is %d, want %d", object.Status.ObservedGeneration, object.Generation)
			}

			_, writes, said, _ = b.pass(t, runner)
			if writes != 0 || len(said) != 0 {
				t.Errorf("a second pass that found nothing new wrote %d times and said %q", writes, said)
			}
		})
	}
}

func TestAbsentObjectIsDone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.key.Name = "never-there"
	result, writes, _, err := b.pass(t, b.runner(steps.Options{Finalizer: finalizer}, nil))
	if !result.IsZero() || err != nil || writes != 0 {
		t.Errorf("Reconcile = %v, %v with %d writes, want nothing", result, err, writes)
	}
}

func TestPassOverAnObjectOlderThanTheOwnWriteDoesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	runs := 0
	counted := step{Condition: "Applied", Run: func(context.Context, *unit) steps.Result {
		runs++
		return steps.Done("Applied", "")
	}}
	runner := b.runner(steps.Options{}, []step{counted})
	old := b.read(t)
	if _, _, _, err := b.pass(t, runner); err != nil {
		t.Fatal(err)
	}

	b.stale.Store(old)
	result, writes, said, err := b.pass(t, runner)
	if err != nil || writes != 0 || len(said) != 0 || runs != 1 || result.RequeueAfter == 0 {
		t.Errorf("Reconcile of an old object = %v, %v; %d writes, %d runs, said %q", result, err, writes, runs, said)
	}
	b.stale.Store(nil)
	if _, _, _, err := b.pass(t, runner); err != nil || runs != 2 {
		t.Errorf("the runner did not go on when its write arrived: %d runs, %v", runs, err)
	}
}

func TestStepsNotReachedKeepWhatStillHolds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	result := steps.Done("Reserved", "")
	runner := b.runner(steps.Options{}, []step{
		{Condition: "Reserved", Run: func(context.Context, *unit) steps.Result { return result }},
		ends("Applied", steps.Done("Applied", "")),
	})
	b.pass(t, runner)
	result = steps.Blocked("EnvelopeExceeded", "")
	b.pass(t, runner)
	if !condition.IsTrue(b.read(t).Status.Conditions, "Applied") {
		t.Error("a condition of this very generation was taken back")
	}

	object := b.read(t)
	object.Spec.DisplayName = "Retail"
	if err := b.client.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	b.pass(t, runner)
	got := condition.Get(b.read(t).Status.Conditions, "Applied")
	if got.Status != metav1.ConditionUnknown || got.Reason != condition.ReasonPending {
		t.Errorf("a condition of an older generation still says %s %s", got.Status, got.Reason)
	}
}

func TestConflictIsRetriedQuietly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "businessunits"}, "retail", errors.New("changed"))
	runner := b.runner(steps.Options{Backoff: steps.Backoff{Min: time.Second}}, []step{
		ends("Reserved", steps.Failed("ReserveFailed", fmt.Errorf("reserve: %w", conflict))),
	})
	result, writes, said, err := b.pass(t, runner)
	if err != nil || result.RequeueAfter != time.Second || writes != 0 || len(said) != 0 {
		t.Errorf("a conflict ended in %v, %v, %d writes and said %q", result, err, writes, said)
	}
}

func TestRepeatedFailureIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	port := 40000
	runner := b.runner(steps.Options{}, []step{{Condition: "Applied", Run: func(context.Context, *unit) steps.Result {
		port++
		dial := &url.Error{Op: "Get", URL: "https://127.0.0.1:6443", Err: fmt.Errorf("read 127.0.0.1:%d: reset", port)}
		return steps.Failed("ApplyFailed", dial)
	}}})
	if _, writes, said, _ := b.pass(t, runner); writes != 1 || len(said) != 1 {
		t.Errorf("the first failure wrote %d times and said %q, want once each", writes, said)
	}
	if _, writes, said, _ := b.pass(t, runner); writes != 0 || len(said) != 0 {
		t.Errorf("the same failure from another port wrote %d times and said %q", writes, said)
	}
}

func TestReadyObjectSaysWhatIsNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	message := "4 cores are reserved."
	runner := b.runner(steps.Options{}, []step{{Condition: "Reserved", Run: func(context.Context, *unit) steps.Result {
		return steps.Done("Reserved", message)
	}}})
	b.pass(t, runner)
	message = "8 cores are reserved."
	if _, _, said, _ := b.pass(t, runner); len(said) != 1 || said[0] != "Normal Reserved 8 cores are reserved." {
		t.Errorf("said %q", said)
	}
}
