package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lookAgain is how soon a tampered object is looked at again.
const lookAgain = 2 * time.Millisecond

// drift tampers with guardrails that are chosen at random, one after the other,
// and takes the time from there until each is as it was and in force. It does
// so as Roadbed itself: the guards let nobody else do it.
func (b *bench) drift(ctx context.Context, p *platform) error {
	guardrails, err := b.guardrails()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(b.seed, 0)) //nolint:gosec // A choice that can be repeated, no secret.
	var took []time.Duration
	var slowest string
	show := progress(b.progress, "guardrails", b.drifts)
	for i := range b.drifts {
		wanted := guardrails[random.IntN(len(guardrails))]
		what, err := tamper(ctx, p.self, wanted, random.IntN(2) == 0)
		if err != nil {
			return fmt.Errorf("tamper with %T %s: %w", wanted, client.ObjectKeyFromObject(wanted), err)
		}
		repaired, err := awaitRepair(ctx, p.admin, wanted)
		if err != nil {
			return fmt.Errorf("%s %T %s: %w", what, wanted, client.ObjectKeyFromObject(wanted), err)
		}
		if len(took) == 0 || repaired > percentile(took, 100) {
			slowest = fmt.Sprintf("%s %T", what, wanted)
		}
		took = append(took, repaired)
		show(i + 1)
	}
	b.report.summary.DriftP99 = milliseconds(percentile(took, 99))
	b.report.add("drift, tampered to restored", "p99 <= 2000 ms", "p50 %.0f ms, p99 %.0f ms, of %d; slowest %.0f ms (%s)",
		milliseconds(percentile(took, 50)), b.report.summary.DriftP99, b.drifts, milliseconds(percentile(took, 100)), slowest)
	return nil
}

// guardrails are all objects that can be tampered with.
func (b *bench) guardrails() ([]client.Object, error) {
	groups, err := b.org.planned(b.org.tenants[:b.tenants+b.latencies])
	if err != nil {
		return nil, err
	}
	var all []client.Object
	for _, group := range groups {
		for _, obj := range group {
			if _, account := obj.(*corev1.ServiceAccount); !account {
				all = append(all, obj)
			}
		}
	}
	return all, nil
}

// tamper deletes an object or loosens it, and says which. Namespaces are only
// loosened.
func tamper(ctx context.Context, writer client.Client, obj client.Object, remove bool) (string, error) {
	_, namespace := obj.(*corev1.Namespace)
	if remove && !namespace {
		return "deleted", writer.Delete(ctx, copyOf(obj))
	}
	live := emptyLike(obj)
	if err := writer.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
		return "", err
	}
	before := copyOf(live)
	loosen(live)
	return "changed", writer.Patch(ctx, live, client.MergeFrom(before))
}

// loosen takes away what a guardrail is for.
func loosen(obj client.Object) {
	switch o := obj.(type) {
	case *corev1.Namespace:
		delete(o.Labels, "pod-security.kubernetes.io/enforce")
	case *corev1.ResourceQuota:
		o.Spec.Hard[corev1.ResourcePods] = resource.MustParse("1000000")
	case *corev1.LimitRange:
		o.Spec.Limits[0].Max = nil
		o.Spec.Limits[0].Min = nil
		o.Spec.Limits[0].Default = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64")}
	case *networkingv1.NetworkPolicy:
		o.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}, {}, {}}
	case *rbacv1.RoleBinding:
		o.Subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "intruder"}}
	}
}

// awaitRepair waits until the object is in place again and returns how long
// that took.
func awaitRepair(ctx context.Context, reader client.Reader, wanted client.Object) (time.Duration, error) {
	start := time.Now()
	for {
		err := inPlace(ctx, reader, wanted)
		took := time.Since(start)
		switch {
		case err == nil:
			return took, nil
		case took > patience:
			return 0, fmt.Errorf("not restored after %s: %w", patience, err)
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case apierrors.IsForbidden(err):
			return 0, err
		}
		if err := pause(ctx, lookAgain); err != nil {
			return 0, err
		}
	}
}
