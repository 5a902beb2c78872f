package operator

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// isolate opens the gate of each planned namespace whose guardrails are in
// force, and sums up the namespaces in the status.
func (c *tenants) isolate(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if offboard.Leaving(t) {
		return steps.Done(tenancy.ReasonIsolated, "What is left of the tenant stays isolated.")
	}
	places := placesOf(t)
	wanting, err := c.openComplete(ctx, t, places)
	if err != nil {
		return steps.Failed(tenancy.ReasonIsolateFailed, err)
	}
	dropped, err := c.dropped(ctx, t)
	if err != nil {
		return steps.Failed(tenancy.ReasonIsolateFailed, err)
	}
	t.Status.Namespaces = summary(places, dropped, wanting)
	for _, ns := range t.Status.Namespaces {
		if !ns.Isolated {
			return steps.Waiting(tenancy.ReasonQuotaNotLive, fmt.Sprintf("namespace %q admits no pods yet: %s", ns.Name, ns.Message), 0).Briefly()
		}
	}
	if err := c.settle(ctx, t); err != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	if condition.Get(t.Status.Conditions, tenancy.ConditionIsolated) == nil || !wasReady(t) {
		c.measureOnboarding(t)
	}
	return steps.Done(tenancy.ReasonIsolated, isolatedMessage(t, dropped))
}

// placesOf are the namespaces that the tenant uses under its model.
func placesOf(t *v1alpha1.Tenant) []tenancy.Place {
	if t.Status.Model == v1alpha1.ModelSharedNamespace {
		return []tenancy.Place{{Namespace: tenancy.SharedNamespace(t.Spec.Tier, t.Spec.BusinessUnit)}}
	}
	return tenancy.Places(t)
}

// openComplete opens the gates that may be, and says what the others lack.
func (c *tenants) openComplete(ctx context.Context, t *v1alpha1.Tenant, places []tenancy.Place) (map[string]string, error) {
	wanting := map[string]string{}
	var complete []string
	for _, place := range places {
		var ns corev1.Namespace
		if err := c.Client.Get(ctx, types.NamespacedName{Name: place.Namespace}, &ns, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("read namespace %q: %w", place.Namespace, err)
		}
		found, err := c.Inspect(ctx, place.Namespace)
		if err != nil {
			return nil, err
		}
		shared := t.Status.Model == v1alpha1.ModelSharedNamespace
		switch open := estate.Isolated(&ns); {
		case !found.Complete():
			wanting[place.Namespace] = found.Message()
		case !open && shared:
			wanting[place.Namespace] = fmt.Sprintf("business unit %q has not opened it yet", t.Spec.BusinessUnit)
		case !open:
			complete = append(complete, place.Namespace)
		}
	}
	return wanting, c.Open(ctx, t, estate.KindTenant, complete)
}

// settle gives back what the tenant held beyond its share while its new quotas
// were not in force yet.
func (c *tenants) settle(ctx context.Context, t *v1alpha1.Tenant) error {
	asked, err := c.share(ctx, t)
	if err != nil {
		return err
	}
	return c.ledger.Hold(ctx, t.Spec.BusinessUnit, estate.TenantHolder(t), asked)
}

func wasReady(t *v1alpha1.Tenant) bool {
	return condition.IsTrue(t.Status.Conditions, tenancy.ConditionIsolated)
}

func (c *tenants) measureOnboarding(t *v1alpha1.Tenant) {
	if t.Generation == 1 {
		measured().onboarded.Observe(c.Clock.Since(t.CreationTimestamp.Time).Seconds())
	}
}

// summary is the tenant's namespaces as its status tells them: the planned
// ones in the order of the spec, then those that the spec dropped.
func summary(places []tenancy.Place, dropped []string, wanting map[string]string) []v1alpha1.TenantNamespaceStatus {
	const most = 16
	list := make([]v1alpha1.TenantNamespaceStatus, 0, len(places)+len(dropped))
	for _, place := range places {
		message, lacks := wanting[place.Namespace]
		list = append(list, v1alpha1.TenantNamespaceStatus{
			Name: place.Namespace, Environment: place.Environment, Isolated: !lacks, Message: message,
		})
	}
	for _, name := range dropped {
		list = append(list, v1alpha1.TenantNamespaceStatus{Name: name, Isolated: true, Message: droppedMessage})
	}
	return list[:min(len(list), most)]
}

// droppedMessage tells what becomes of a namespace that the spec no longer names.
const droppedMessage = "no longer in spec.namespaces; it stays as it is, isolated and counted in the envelope: put it back, or offboard the tenant"

func isolatedMessage(t *v1alpha1.Tenant, dropped []string) string {
	message := fmt.Sprintf("Pods may start in %d namespaces.", len(t.Status.Namespaces))
	if len(t.Status.Namespaces) == 1 {
		message = fmt.Sprintf("Pods may start in namespace %q.", t.Status.Namespaces[0].Name)
	}
	if len(dropped) > 0 {
		message += fmt.Sprintf(" No longer in spec.namespaces, but kept: %s.", strings.Join(dropped, ", "))
	}
	return message
}
