package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// unready says what keeps an object of ours from being ready.
func unready[T interface{ GetConditions() []metav1.Condition }](obj T) string {
	switch ready := condition.Get(obj.GetConditions(), condition.Ready); {
	case ready == nil:
		return "nobody has looked at it"
	case ready.Status != "True":
		return fmt.Sprintf("%s: %s", ready.Reason, ready.Message)
	default:
		return ""
	}
}

// onboard creates all tenants together and waits until each is Ready. Tiers
// and business units are there before.
func (b *bench) onboard(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	if err := b.found(ctx, p); err != nil {
		return err
	}
	tenants, err := follow(ctx, p.plane.AdminConfig(), &v1alpha1.Tenant{}, unready[*v1alpha1.Tenant])
	if err != nil {
		return err
	}
	chosen := b.org.tenants[:b.tenants]
	if err := p.settle(ctx); err != nil {
		return err
	}
	stopProfile := b.profileOnboarding(ctx, p)
	meter, err := p.meter()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := writeAll(ctx, p.admin, one(chosen), b.concurrency); err != nil {
		return err
	}
	written := time.Since(start)
	last, err := tenants.await(ctx, keysOf(chosen), patience, progress(b.progress, "tenants ready", len(chosen)))
	if err != nil {
		return err
	}
	took := last.Sub(start)
	b.report.add("Roadbed", "", "%.1f s until every tenant was Ready; their creation took %.1f s", took.Seconds(), written.Seconds())
	used, err := b.cost(ctx, p, meter, start)
	if err := errors.Join(err, stopProfile()); err != nil {
		return err
	}
	if err := b.verify(ctx, p, chosen); err != nil {
		return fmt.Errorf("every tenant says it is Ready, but %w", err)
	}
	memory, err := p.server.Memory()
	if err != nil {
		return err
	}
	b.compare(cost{took, used})
	b.report.summary.RSS = round(float64(memory.Resident) / (1 << 20))
	b.report.add("server memory, all tenants Ready", "<= 300 MiB", "%.0f MiB resident, %.0f MiB at its peak",
		b.report.summary.RSS, float64(memory.Peak)/(1<<20))
	return nil
}

// compare tells how much longer Roadbed took than a bare client.
func (b *bench) compare(roadbed cost) {
	b.report.summary.Ratio = round(roadbed.took.Seconds() / b.same.took.Seconds())
	b.report.summary.RatioPlain = round(roadbed.took.Seconds() / b.plain.took.Seconds())
	b.report.add("ratio, all the same objects", "<= 1.5", "%.2f, of processor time %.2f",
		b.report.summary.Ratio, roadbed.cpu.Seconds()/b.same.cpu.Seconds())
	b.report.add("ratio, generated objects alone, on a plain control plane", "", "%.2f, of processor time %.2f",
		b.report.summary.RatioPlain, roadbed.cpu.Seconds()/b.plain.cpu.Seconds())
}

// found creates the tiers and business units and waits until they are ready.
func (b *bench) found(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the trackers
	objects := append(asObjects(b.org.tiers), asObjects(b.org.units)...)
	if err := writeAll(ctx, p.admin, [][]client.Object{objects}, concurrency{1, 1}); err != nil {
		return err
	}
	units, err := follow(ctx, p.plane.AdminConfig(), &v1alpha1.BusinessUnit{}, unready[*v1alpha1.BusinessUnit])
	if err != nil {
		return err
	}
	if _, err := units.await(ctx, keysOf(b.org.units), patience, nil); err != nil {
		return err
	}
	tiers, err := follow(ctx, p.plane.AdminConfig(), &v1alpha1.Tier{}, unready[*v1alpha1.Tier])
	if err != nil {
		return err
	}
	_, err = tiers.await(ctx, keysOf(b.org.tiers), patience, nil)
	return err
}

// verify looks with its own eyes: every object that the bare client wrote is
// there with the same content, every quota is live, every namespace isolated.
func (b *bench) verify(ctx context.Context, p *platform, tenants []*v1alpha1.Tenant) error {
	groups, err := b.org.planned(tenants)
	if err != nil {
		return err
	}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(b.concurrency.groups)
	for _, group := range groups {
		for _, wanted := range group {
			workers.Go(func() error { return inPlace(ctx, p.admin, wanted) })
		}
	}
	return workers.Wait()
}

// inPlace returns an error unless the wanted object exists and is in force.
func inPlace(ctx context.Context, reader client.Reader, wanted client.Object) error {
	live := emptyLike(wanted)
	if err := reader.Get(ctx, client.ObjectKeyFromObject(wanted), live); err != nil {
		return fmt.Errorf("read %T: %w", wanted, err)
	}
	if !apply.Contains(live, wanted) {
		return fmt.Errorf("%T %s is not as planned", wanted, client.ObjectKeyFromObject(wanted))
	}
	switch live := live.(type) {
	case *corev1.ResourceQuota:
		if lacks := dead(live); lacks != "" {
			return fmt.Errorf("%s: %s", client.ObjectKeyFromObject(live), lacks)
		}
	case *corev1.Namespace:
		if !isolated(live) {
			return fmt.Errorf("namespace %s is not isolated", live.Name)
		}
	}
	return nil
}

func isolated(namespace *corev1.Namespace) bool {
	for _, c := range namespace.Status.Conditions {
		if c.Type == v1alpha1.ConditionIsolated {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// profileOnboarding begins a profile of the server, when one is wanted, and
// returns what ends it.
func (b *bench) profileOnboarding(ctx context.Context, p *platform) func() error {
	if b.profile == "" {
		return func() error { return nil }
	}
	const seconds = 15
	var profiling errgroup.Group
	profiling.Go(func() error {
		return p.profileTo(ctx, filepath.Join(b.profile, "cpu.pprof"), fmt.Sprintf("profile?seconds=%d", seconds))
	})
	return func() error {
		return errors.Join(profiling.Wait(), p.profileTo(ctx, filepath.Join(b.profile, "heap.pprof"), "heap"))
	}
}
