package kill

import (
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// at is a copy of the object as the revision left it.
func at[T client.Object](revision int, obj T, change func(T)) T {
	made := obj.DeepCopyObject().(T)
	made.SetResourceVersion(strconv.Itoa(revision))
	if change != nil {
		change(made)
	}
	return made
}

// TestJudge shows that the check of the kill test can fail, once for each thing
// it has to see.
func TestJudge(t *testing.T) {
	t.Parallel()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"a": "b"}}}
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "q"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("5")}},
	}
	wanted := []client.Object{namespace, quota}
	mark := func(n *corev1.Namespace) {
		n.Status.Conditions = []corev1.NamespaceCondition{{Type: v1alpha1.ConditionIsolated, Status: corev1.ConditionTrue}}
	}
	live := func(q *corev1.ResourceQuota) { q.Status.Hard = q.Spec.Hard }
	loose := func(q *corev1.ResourceQuota) {
		q.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("500")}
		q.Status.Hard = q.Spec.Hard
	}
	type step struct {
		object  client.Object
		deleted bool
	}
	set := func(o client.Object) step { return step{object: o} }
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"everything was in force", []step{set(at(1, namespace, nil)), set(at(2, quota, nil)), set(at(3, quota, live)), set(at(4, namespace, mark))}, ""},
		{"later harm is no harm", []step{set(at(3, quota, live)), set(at(4, namespace, mark)), {at(11, quota, live), true}}, ""},
		{"kinds are seen in any order", []step{set(at(4, namespace, mark)), set(at(2, quota, nil)), set(at(3, quota, live))}, ""},
		{"nothing was there", nil, "q did not exist"},
		{"not isolated yet", []step{set(at(3, quota, live)), set(at(4, namespace, nil)), set(at(12, namespace, mark))}, "was not isolated"},
		{"quota not live yet", []step{set(at(4, namespace, mark)), set(at(2, quota, nil)), set(at(10, quota, live))}, "was not live"},
		{"quota loosened", []step{set(at(4, namespace, mark)), set(at(5, quota, loose))}, "was not as planned"},
		{"quota deleted", []step{set(at(4, namespace, mark)), set(at(3, quota, live)), {at(6, quota, live), true}}, "q did not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var h history
			for _, s := range c.steps {
				if err := h.record(s.object, s.deleted); err != nil {
					t.Fatal(err)
				}
			}
			pod := at(10, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}}, nil)
			err := h.judge(pod, wanted)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Judge says %v, want %q", err, c.want)
			}
			if err := h.judge(pod, nil); err == nil {
				t.Error("a pod in a namespace without planned guardrails passed")
			}
		})
	}
}
