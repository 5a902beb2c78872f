package apply_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func TestDrift(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason       string
		change       func(*corev1.ResourceQuota)
		want         bool
		wantOrStatus bool
	}{
		"Nothing": {reason: "a resync is no drift", change: func(*corev1.ResourceQuota) {}},
		"Bookkeeping": {
			reason: "the server's own bookkeeping is no drift",
			change: func(q *corev1.ResourceQuota) {
				q.ResourceVersion = "2"
				q.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
			},
		},
		"Status": {
			reason:       "the status is drift only to those who act on it",
			change:       func(q *corev1.ResourceQuota) { q.Status.Hard = q.Spec.Hard },
			wantOrStatus: true,
		},
		"Spec": {
			reason:       "a kind without a generation is compared by content",
			change:       func(q *corev1.ResourceQuota) { q.Spec.Scopes = []corev1.ResourceQuotaScope{"Terminating"} },
			want:         true,
			wantOrStatus: true,
		},
		"Label": {
			reason:       "a label that was taken off is drift",
			change:       func(q *corev1.ResourceQuota) { q.Labels = nil },
			want:         true,
			wantOrStatus: true,
		},
		"Deletion": {
			reason:       "an object that is being deleted has drifted",
			change:       func(q *corev1.ResourceQuota) { q.DeletionTimestamp = new(metav1.Now()) },
			want:         true,
			wantOrStatus: true,
		},
		"Replaced": {
			reason:       "another object of the same name has drifted",
			change:       func(q *corev1.ResourceQuota) { q.UID = "other" },
			want:         true,
			wantOrStatus: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := quota(map[corev1.ResourceName]string{"cpu": "1"})
			before.Labels = map[string]string{"owner": "payments"}
			after := before.DeepCopy()
			tc.change(after)
			update := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
			if got := apply.Drift().Update(update); got != tc.want {
				t.Errorf("Drift() = %t, want %t: %s", got, tc.want, tc.reason)
			}
			if got := apply.DriftOrStatus().Update(update); got != tc.wantOrStatus {
				t.Errorf("DriftOrStatus() = %t, want %t: %s", got, tc.wantOrStatus, tc.reason)
			}
		})
	}
}

func TestDriftWithoutStatus(t *testing.T) {
	t.Parallel()
	binding := &rbacv1.RoleBinding{}
	if apply.DriftOrStatus().Update(event.UpdateEvent{ObjectOld: binding, ObjectNew: binding.DeepCopy()}) {
		t.Error("a kind without a status has no status to change")
	}
	if !apply.Drift().Create(event.CreateEvent{Object: binding}) || !apply.Drift().Delete(event.DeleteEvent{Object: binding}) {
		t.Error("what appears or vanishes may need repair")
	}
}

func TestEnqueueOwner(t *testing.T) {
	t.Parallel()
	owned := func(by string) client.Object {
		if by == "" {
			return labelled(nil)
		}
		return labelled(map[string]string{"owner": by})
	}
	cases := map[string]struct {
		reason   string
		old, new string
		want     []string
	}{
		"Same":    {"an owner is called once", "payments", "payments", []string{"payments"}},
		"Removed": {"the owner whose label was taken off has it to repair", "payments", "", []string{"payments"}},
		"Moved":   {"both owners are called", "payments", "lending", []string{"lending", "payments"}},
		"Nobodys": {"what has no owner calls nobody", "", "", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			handler := apply.EnqueueOwner("owner")
			handler.Update(t.Context(), event.UpdateEvent{ObjectOld: owned(tc.old), ObjectNew: owned(tc.new)}, queue)
			got := map[string]bool{}
			for queue.Len() > 0 {
				request, _ := queue.Get()
				got[request.Name] = true
				queue.Done(request)
			}
			want := map[string]bool{}
			for _, name := range tc.want {
				want[name] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			handler.Create(t.Context(), event.CreateEvent{Object: owned("a")}, queue)
			handler.Delete(t.Context(), event.DeleteEvent{Object: owned("b")}, queue)
			handler.Generic(t.Context(), event.GenericEvent{Object: owned("c")}, queue)
			if queue.Len() != 3 {
				t.Errorf("%d owners are called after one creation, one deletion and one other event", queue.Len())
			}
		})
	}
}
