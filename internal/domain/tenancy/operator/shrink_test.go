package operator_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// When shares move between a tenant's namespaces, and when a new one takes part
// of them, the quotas add up to no more than the tenant's at any time.
func TestSharesMoveWithoutOvershoot(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.unit(t, "shift")
	share := func(name, cores string) v1alpha1.TenantNamespace {
		return v1alpha1.TenantNamespace{Name: name, Quota: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(cores)}}
	}
	shares := func(list ...v1alpha1.TenantNamespace) func(*v1alpha1.Tenant) {
		return func(t *v1alpha1.Tenant) { t.Spec.Namespaces = list }
	}
	p.tenant(t, "shift-a", "shift", cpu("40"), shares(share("dev", "35"), share("prod", "5")))
	p.ready(t, "shift-a")
	most := p.watchSum(t, "shift-a")
	for _, now := range []func(*v1alpha1.Tenant){
		shares(share("dev", "5"), share("prod", "35")),
		shares(share("dev", "35"), share("prod", "5")),
		shares(share("dev", "5"), share("prod", "5"), share("test", "30")),
	} {
		p.update(t, "shift-a", now)
		p.ready(t, "shift-a")
	}
	if cores := most(); cores != 40 {
		t.Errorf("the quotas added up to %d cores, want never more than the tenant's 40", cores)
	}
}

// watchSum follows the tenant's quotas. What it returns ends that and says how
// many cores they added up to at most.
func (p *platform) watchSum(t *testing.T, tenant string) (most func() int64) {
	t.Helper()
	c, err := client.NewWithWatch(p.env.Admin, client.Options{Scheme: p.env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	events, err := c.Watch(ctx, &corev1.ResourceQuotaList{}, client.MatchingLabels{v1alpha1.LabelTenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan int64, 1)
	go func() { result <- sumAtMost(events) }()
	return func() int64 {
		// One more change tells that the watch has seen all before it.
		last := &corev1.ResourceQuota{ObjectMeta: at("tenant-"+tenant+"-dev", "last")}
		last.Labels = map[string]string{v1alpha1.LabelTenant: tenant}
		p.create(t, last)
		defer cancel()
		return <-result
	}
}

func sumAtMost(events watch.Interface) (most int64) {
	defer events.Stop()
	now := map[string]int64{}
	for event := range events.ResultChan() {
		quota, is := event.Object.(*corev1.ResourceQuota)
		if !is || quota.Name == "last" {
			break
		}
		cores := quota.Spec.Hard[corev1.ResourceRequestsCPU]
		now[quota.Namespace] = cores.Value()
		var sum int64
		for _, each := range now {
			sum += each
		}
		most = max(most, sum)
	}
	return most
}
