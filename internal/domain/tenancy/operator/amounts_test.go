package operator_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// An amount that takes minutes to compare is refused without comparing it, and
// whoever comes after is served. A guard keeps such a Tenant out of clusters;
// this one was stored before there was the guard.
func TestAmountNobodyCanComputeWith(t *testing.T) {
	t.Parallel()
	p := start(t)
	const name = "amount"
	p.unit(t, name)
	p.tenant(t, name+"-vast", name, func(tenant *v1alpha1.Tenant) {
		tenant.Spec.Quota = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1e99999999")}
	})
	p.tenant(t, name+"-next", name)
	p.awaits(t, name+"-vast", tenancy.ConditionAccepted, metav1.ConditionFalse, tenancy.ReasonInvalidQuota)
	p.ready(t, name+"-next")
}
