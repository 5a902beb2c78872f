package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// retryPod is how soon a pod that was not admitted yet is tried again.
const retryPod = 5 * time.Millisecond

// oneByOne creates further tenants, one after the other, with all others
// present, and takes the time from the request until the tenant is Ready and
// its first namespace admits an ordinary pod.
func (b *bench) oneByOne(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	tenants, err := follow(ctx, p.plane.AdminConfig(), &v1alpha1.Tenant{}, unready[*v1alpha1.Tenant])
	if err != nil {
		return err
	}
	var took []time.Duration
	var slowest string
	show := progress(b.progress, "tenants", b.latencies)
	for i, t := range b.org.tenants[b.tenants : b.tenants+b.latencies] {
		start := time.Now()
		if err := p.admin.Create(ctx, copyOf(t)); err != nil {
			return fmt.Errorf("create tenant %q: %w", t.Name, err)
		}
		if _, err := tenants.await(ctx, keysOf([]*v1alpha1.Tenant{t}), patience, nil); err != nil {
			return err
		}
		if err := b.enforced(ctx, p.admin, t); err != nil {
			return err
		}
		took = append(took, time.Since(start))
		if took[i] == percentile(took, 100) {
			slowest = fmt.Sprintf("%s of %s", t.Name, t.Spec.Tier)
		}
		show(i + 1)
	}
	b.report.summary.TenantP95 = milliseconds(percentile(took, 95))
	b.report.add("one tenant, request to Ready and enforced", "p95 <= 2000 ms", "p50 %.0f ms, p95 %.0f ms, of %d with %d present; slowest %.0f ms (%s)",
		milliseconds(percentile(took, 50)), b.report.summary.TenantP95, b.latencies, b.tenants, milliseconds(percentile(took, 100)), slowest)
	return nil
}

// enforced waits until the tenant's first namespace admits an ordinary pod, and
// checks that it refuses one that no quota can hold. Nothing is written.
func (b *bench) enforced(ctx context.Context, writer client.Client, t *v1alpha1.Tenant) error {
	tier, err := b.org.world().Tier(t)
	if err != nil {
		return err
	}
	namespace := tenancy.Places(t)[0].Namespace
	if tenancy.Model(t, tier) == v1alpha1.ModelSharedNamespace {
		namespace = tenancy.SharedNamespace(tier.Name, t.Spec.BusinessUnit)
	}
	limit, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("namespace %q admits no pod for %s", namespace, patience))
	defer cancel()
	for {
		err := writer.Create(limit, ordinaryPod(namespace, t), client.DryRunAll)
		if err == nil {
			break
		}
		if !apierrors.IsForbidden(err) || pause(limit, retryPod) != nil {
			return errors.Join(context.Cause(limit), err)
		}
	}
	giant := ordinaryPod(namespace, t)
	giant.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100k")}
	giant.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100k")}
	if err := writer.Create(ctx, giant, client.DryRunAll); !apierrors.IsForbidden(err) {
		return fmt.Errorf("namespace %q is Ready and does not refuse a pod with 100,000 CPUs: %w", namespace, err)
	}
	return nil
}

// ordinaryPod is what a team that thinks of nothing writes.
func ordinaryPod(namespace string, t *v1alpha1.Tenant) *corev1.Pod {
	image := "app:1"
	if len(t.Spec.Registries) > 0 {
		image = t.Spec.Registries[0] + image
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}
}
