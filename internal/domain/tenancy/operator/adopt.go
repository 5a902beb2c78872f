package operator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
)

// adopt records that existing namespaces become the tenant's. Adoption itself
// is no more than what every namespace gets, labels and guardrails beside what
// is there: nothing that runs is touched, and from then on new pods are held to
// the tenant's rules. Who may ask for it, native admission decides.
func (c *tenants) adopt(ctx context.Context, t *v1alpha1.Tenant) error {
	for _, place := range placesOf(t) {
		if !place.Adopted {
			continue
		}
		var ns corev1.Namespace
		err := c.Client.Get(ctx, types.NamespacedName{Name: place.Namespace}, &ns, client.UnsafeDisableDeepCopy)
		if err != nil {
			return fmt.Errorf("read namespace %q, which is to be adopted: %w", place.Namespace, err)
		}
		if ns.Labels[v1alpha1.LabelTenant] == t.Name {
			continue
		}
		reason := fmt.Sprintf("tenant %q takes the namespace in, with all that is in it", t.Name)
		if err := c.RecordBefore(ctx, "namespace.adopt", &ns, estate.KindNamespace, reason); err != nil {
			return err
		}
	}
	return nil
}
