package tenancy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// AsProvisioned is the tenant as its namespaces were last brought to, and the
// world that Plan needs to say so again: whatever became of the tenant's spec
// or its tier since then is not in it. It is false if the tenant never had
// anything.
func AsProvisioned(t *v1alpha1.Tenant, settings Settings) (*v1alpha1.Tenant, World, bool) {
	if t.Status.Provisioned == nil {
		return nil, World{}, false
	}
	last := t.Status.Provisioned.DeepCopy()
	tier := &v1alpha1.Tier{ObjectMeta: metav1.ObjectMeta{Name: last.Spec.Tier}, Spec: last.Tier}
	was := t.DeepCopy()
	was.Spec = last.Spec
	was.Spec.Quota = quota.Effective(was, tier)
	was.Status.Model, was.Status.Quota = Model(was, tier), was.Spec.Quota
	return was, World{Tiers: map[string]*v1alpha1.Tier{tier.Name: tier}, Settings: settings}, true
}
