package apply_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// bench is a namespace of its own on a real API server, and a count of writes.
type bench struct {
	client    client.WithWatch
	namespace string
	writes    atomic.Int32
}

func newBench(t *testing.T) *bench {
	t.Helper()
	env := kubetest.Start(t)
	direct, err := client.NewWithWatch(env.Admin, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatalf("make client: %v", err)
	}
	b := &bench{}
	b.client = interceptor.NewClient(direct, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			b.writes.Add(1)
			return c.Patch(ctx, obj, patch, opts...)
		},
	})
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "apply-"}}
	if err := direct.Create(t.Context(), made); err != nil {
		t.Fatalf("create namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := direct.Delete(context.Background(), made); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	b.namespace = made.Name
	return b
}

func (b *bench) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: b.namespace, Name: name, Labels: map[string]string{"owner": b.namespace}}
}

// wanted is one object of each sort that the server treats in its own way.
func (b *bench) wanted() []client.Object {
	limits := quota(map[corev1.ResourceName]string{"cpu": "1000m", "memory": "1024Mi"})
	limits.ObjectMeta = b.meta("limits")
	deny := policy(networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{},
	})
	deny.ObjectMeta = b.meta("deny")
	return []client.Object{
		limits, deny,
		&rbacv1.RoleBinding{
			ObjectMeta: b.meta("admins"),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "corp:payments"}},
		},
	}
}

func (b *bench) apply(t *testing.T, objects ...client.Object) apply.Report {
	t.Helper()
	report, err := apply.New(b.client, b.client).Apply(t.Context(), objects)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return report
}

func names(refs []apply.Ref) []string {
	var names []string
	for _, ref := range refs {
		names = append(names, ref.GVK.Kind+" "+ref.Name)
	}
	return names
}

func TestApplyCreatesOnceAndThenWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := []string{"ResourceQuota limits", "NetworkPolicy deny", "RoleBinding admins"}
	if diff := cmp.Diff(want, names(b.apply(t, b.wanted()...).Created)); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	written := b.writes.Load()
	if diff := cmp.Diff(want, names(b.apply(t, b.wanted()...).Unchanged)); diff != "" {
		t.Errorf("unchanged (-want +got):\n%s", diff)
	}
	if again := b.writes.Load() - written; again != 0 {
		t.Errorf("applying the same again wrote %d times", again)
	}
}

func TestApplyRemovesWhatItCreatedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	limits := quota(map[corev1.ResourceName]string{"cpu": "1", "memory": "1Gi"})
	limits.ObjectMeta = b.meta("limits")
	b.apply(t, limits)
	limits = quota(map[corev1.ResourceName]string{"cpu": "2"})
	limits.ObjectMeta = b.meta("limits")
	b.apply(t, limits)
	var live corev1.ResourceQuota
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(limits), &live); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(limits.Spec.Hard, live.Spec.Hard); diff != "" {
		t.Errorf("quota after memory is no longer wanted (-want +got):\n%s", diff)
	}
	for _, owner := range live.ManagedFields {
		if owner.Manager == apply.FieldManager && owner.Operation != metav1.ManagedFieldsOperationApply {
			t.Errorf("fields are still owned by %s as %s", owner.Manager, owner.Operation)
		}
	}
}

func TestApplyChangesWhatTheReaderDoesNotHaveYet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	limits := quota(map[corev1.ResourceName]string{"cpu": "1"})
	limits.ObjectMeta = b.meta("limits")
	if err := b.client.Create(t.Context(), limits.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	blind := interceptor.NewClient(b.client, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
		},
	})
	wanted := quota(map[corev1.ResourceName]string{"cpu": "2"})
	wanted.ObjectMeta = b.meta("limits")
	if _, err := apply.New(b.client, blind).Apply(t.Context(), []client.Object{wanted}); err != nil {
		t.Fatal(err)
	}
	var live corev1.ResourceQuota
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(limits), &live); err != nil {
		t.Fatal(err)
	}
	if !apply.Contains(&live, wanted) {
		t.Errorf("quota is %v, want %v", live.Spec.Hard, wanted.Spec.Hard)
	}
}

// A namespace that somebody made in this moment may be anybody's: it is not
// taken over before it was looked at.
func TestApplyDoesNotTakeOverANewNamespace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	theirs := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.meta("").Namespace + "-theirs"}}
	if err := b.client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	blind := interceptor.NewClient(b.client, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
		},
	})
	ours := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: theirs.Name, Labels: map[string]string{"ours": "true"}}}
	if _, err := apply.New(b.client, blind).Apply(t.Context(), []client.Object{ours}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("Apply: %v, want that it exists already", err)
	}
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs); err != nil || theirs.Labels["ours"] != "" {
		t.Errorf("labels %v, %v", theirs.Labels, err)
	}
}

func TestApplyDoesNotTouchItsArguments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	objects := b.wanted()
	b.apply(t, objects...)
	if diff := cmp.Diff(b.wanted(), objects); diff != "" {
		t.Errorf("Apply changed what it was given (-want +got):\n%s", diff)
	}
}

func TestApplyRepairs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		tamper func(t *testing.T, b *bench)
		want   apply.Report
	}{
		"QuotaRaised": {
			"a value of ours is taken back from whoever changed it",
			tampered("limits", func(q *corev1.ResourceQuota) { q.Spec.Hard["cpu"] = resource.MustParse("64") }),
			apply.Report{Changed: []apply.Ref{{Name: "limits"}}},
		},
		"HoleInDefaultDeny": {
			"a list that is empty on purpose is emptied again",
			tampered("deny", func(p *networkingv1.NetworkPolicy) {
				p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			}),
			apply.Report{Changed: []apply.Ref{{Name: "deny"}}},
		},
		"SelectorNarrowed": {
			"a policy for all pods is for all pods again",
			tampered("deny", func(p *networkingv1.NetworkPolicy) {
				p.Spec.PodSelector.MatchLabels = map[string]string{"no": "pod"}
			}),
			apply.Report{Changed: []apply.Ref{{Name: "deny"}}},
		},
		"SubjectAdded": {
			"a subject that nobody granted anything is removed",
			tampered("admins", func(r *rbacv1.RoleBinding) {
				r.Subjects = append(r.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: "mallory"})
			}),
			apply.Report{Changed: []apply.Ref{{Name: "admins"}}},
		},
		"OtherRole": {
			"a binding to another role, which cannot be changed, is replaced",
			func(t *testing.T, b *bench) {
				t.Helper()
				binding := b.wanted()[2].(*rbacv1.RoleBinding)
				if err := b.client.Delete(t.Context(), binding); err != nil {
					t.Fatal(err)
				}
				binding.RoleRef.Name = "edit"
				if err := b.client.Create(t.Context(), binding); err != nil {
					t.Fatal(err)
				}
			},
			apply.Report{Changed: []apply.Ref{{Name: "admins"}}},
		},
		"Deleted": {
			"what is gone comes back",
			func(t *testing.T, b *bench) {
				t.Helper()
				if err := b.client.Delete(t.Context(), b.wanted()[0]); err != nil {
					t.Fatal(err)
				}
			},
			apply.Report{Created: []apply.Ref{{Name: "limits"}}},
		},
		"AddedByOthers": {
			"what others added is theirs",
			tampered("limits", func(q *corev1.ResourceQuota) { q.Spec.Hard["pods"] = resource.MustParse("9") }),
			apply.Report{},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.apply(t, b.wanted()...)
			tc.tamper(t, b)
			report := b.apply(t, b.wanted()...)
			if got, want := len(report.Changed), len(tc.want.Changed); got != want || got == 1 && report.Changed[0].Name != tc.want.Changed[0].Name {
				t.Errorf("changed %v, want %v: %s", report.Changed, tc.want.Changed, tc.reason)
			}
			if len(report.Created) != len(tc.want.Created) {
				t.Errorf("created %v, want %v: %s", report.Created, tc.want.Created, tc.reason)
			}
			if after := b.apply(t, b.wanted()...); len(after.Unchanged) != len(b.wanted()) {
				t.Errorf("still not as wanted: %+v: %s", after, tc.reason)
			}
		})
	}
}

// tampered changes a stored object as a stranger would, by an ordinary update.
func tampered[T any, P interface {
	*T
	client.Object
}](name string, change func(P)) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		t.Helper()
		// The quota controller writes its status meanwhile.
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			object := P(new(T))
			if err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.namespace, Name: name}, object); err != nil {
				return err
			}
			change(object)
			return b.client.Update(t.Context(), object, client.FieldOwner("stranger"))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestApplyMakesNamespacesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inside := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace + "-2", Name: "rates"}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace + "-2"}}
	report := b.apply(t, inside, namespace)
	t.Cleanup(func() {
		if err := b.client.Delete(context.Background(), namespace); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	if diff := cmp.Diff([]string{"ConfigMap rates", "Namespace " + b.namespace + "-2"}, names(report.Created)); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}

func TestApplyNamesWhatFailedAndDoesTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad := quota(map[corev1.ResourceName]string{"cpu": "-1"})
	bad.ObjectMeta = b.meta("bad")
	report, err := apply.New(b.client, b.client, apply.WithParallelism(1)).Apply(t.Context(), append([]client.Object{bad}, b.wanted()...))
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "apply ResourceQuota "+b.namespace+"/bad") {
		t.Errorf("error is %v, want one that names the object and wraps the refusal", err)
	}
	if len(report.Created) != len(b.wanted()) {
		t.Errorf("created %v beside the bad one", report.Created)
	}
}

func TestApplyWithoutGoType(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"namespace": b.namespace, "name": "loose"},
		"data":     map[string]any{"a": "1"},
	}}
	if report := b.apply(t, object); len(report.Created) != 1 {
		t.Errorf("first: %+v", report)
	}
	if report := b.apply(t, object); len(report.Unchanged) != 1 {
		t.Errorf("second: %+v", report)
	}
}

var (
	quotas   = schema.GroupVersionKind{Version: "v1", Kind: "ResourceQuota"}
	policies = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	bindings = schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}
)

func TestPrune(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(t, b.wanted()...)
	strangers := quota(map[corev1.ResourceName]string{"cpu": "1"})
	strangers.ObjectMeta = metav1.ObjectMeta{Namespace: b.namespace, Name: "strangers"}
	b.apply(t, strangers)
	inventory := apply.Inventory{
		Labels: map[string]string{"owner": b.namespace},
		Kinds:  []schema.GroupVersionKind{quotas, policies, bindings},
	}
	applier := apply.New(b.client, b.client)

	report, err := applier.Prune(t.Context(), inventory, b.wanted()[1:])
	if err != nil {
		t.Fatalf("Prune: %v", err)
	}
	if diff := cmp.Diff([]string{"ResourceQuota limits"}, names(report.Pruned)); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(strangers), strangers); err != nil {
		t.Errorf("what does not have our label is gone: %v", err)
	}
	if report, err := applier.Prune(t.Context(), inventory, b.wanted()[1:]); err != nil || len(report.Pruned) != 0 {
		t.Errorf("a second time pruned %v, %v", report.Pruned, err)
	}
}

func TestPruneNeverTouchesNamespacesAndVolumes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(t, b.wanted()...)
	for _, kind := range []string{"Namespace", "PersistentVolume", "PersistentVolumeClaim"} {
		inventory := apply.Inventory{
			Labels: map[string]string{"owner": b.namespace},
			Kinds:  []schema.GroupVersionKind{quotas, {Version: "v1", Kind: kind}},
		}
		report, err := apply.New(b.client, b.client).Prune(t.Context(), inventory, nil)
		if !errors.Is(err, apply.ErrNeverPruned) || len(report.Pruned) != 0 {
			t.Errorf("an inventory with %s pruned %v, %v", kind, report.Pruned, err)
		}
	}
	boundless := apply.Inventory{Kinds: []schema.GroupVersionKind{quotas}}
	if _, err := apply.New(b.client, b.client).Prune(t.Context(), boundless, nil); !errors.Is(err, apply.ErrBoundless) {
		t.Errorf("an inventory without labels ended in %v", err)
	}
	if report := b.apply(t, b.wanted()...); len(report.Unchanged) != len(b.wanted()) {
		t.Errorf("a refused inventory was pruned all the same: %+v", report)
	}
}

func TestNothingIsWrittenThatCouldNotBeRecordedFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(t, b.wanted()[1:]...)
	full := errors.New("the trail is full")
	applier := apply.New(b.client, b.client, apply.WithBefore(func(context.Context, apply.Ref) error { return full }))

	report, err := applier.Apply(t.Context(), b.wanted())
	if !errors.Is(err, full) || len(report.Created) != 0 || len(report.Unchanged) != 2 {
		t.Errorf("Apply = %+v, %v, want only what needs no write", report, err)
	}
	inventory := apply.Inventory{Labels: map[string]string{"owner": b.namespace}, Kinds: []schema.GroupVersionKind{policies, bindings}}
	report, err = applier.Prune(t.Context(), inventory, nil)
	if !errors.Is(err, full) || len(report.Pruned) != 0 {
		t.Errorf("Prune = %+v, %v, want nothing pruned", report, err)
	}
	if after := b.apply(t, b.wanted()[1:]...); len(after.Unchanged) != 2 {
		t.Errorf("something was deleted: %+v", after)
	}
}
