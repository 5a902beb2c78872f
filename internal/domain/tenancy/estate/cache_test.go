package estate_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
)

// TestQuotasAreKeptLean wants of a cached quota all that decides isolation, and
// no more.
func TestQuotasAreKeptLean(t *testing.T) {
	t.Parallel()
	pods := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourcePods: resource.MustParse(amount)}
	}
	for name, enforced := range map[string]corev1.ResourceList{"live": pods("5"), "changing": pods("4"), "new": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quota := &corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Name: "q", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "roadbed"}}},
				Spec:       corev1.ResourceQuotaSpec{Hard: pods("5")},
				Status:     corev1.ResourceQuotaStatus{Hard: enforced, Used: pods("3")},
			}
			want := quota.DeepCopy()
			want.ManagedFields, want.Status.Used = nil, nil
			kept, err := transformOf(t, &corev1.ResourceQuota{})(quota)
			if err != nil {
				t.Fatal(err)
			}
			if !equality.Semantic.DeepEqual(kept, want) {
				t.Errorf("kept %v, want %v", kept, want)
			}
		})
	}
}

// transformOf is what happens to objects of a type before they are cached.
func transformOf[T client.Object](t *testing.T, _ T) func(any) (any, error) {
	t.Helper()
	for obj, by := range estate.Cached() {
		if _, is := obj.(T); is {
			return by.Transform
		}
	}
	t.Fatalf("no %T is cached", *new(T))
	return nil
}
