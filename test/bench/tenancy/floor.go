package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// floor measures what each kind of Roadbed's own writes costs the control plane.
func (b *bench) floor(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	f, err := b.leastOn(ctx, p)
	if err != nil {
		return err
	}
	var total time.Duration
	for _, phase := range f.phases() {
		b.say("floor: %s", phase.name)
		used, err := f.measure(ctx, phase.name, phase.run)
		if err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
		total += used
	}
	b.report.add("least writes, processor time", "", "%.1f s, %.2f times those of the generated objects alone, on a plain control plane",
		total.Seconds(), total.Seconds()/b.plain.cpu.Seconds())
	return nil
}

// sameObjects has a bare client make the very objects that Roadbed is going to,
// as they are in the end: the tenants with their statuses, the reservations of
// their business units, and all that is generated, each namespace with its gate.
func (b *bench) sameObjects(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	f, err := b.leastOn(ctx, p)
	if err != nil {
		return err
	}
	b.say("bare: write the same objects as Roadbed")
	b.same, err = b.spent(ctx, p, func(start time.Time) (time.Duration, error) {
		writes := 0
		for _, phase := range f.phases() {
			count, err := phase.run(ctx)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", phase.name, err)
			}
			writes += count
		}
		took := time.Since(start)
		b.report.add("bare client, all the same objects", "", "%.1f s for %d writes, %.0f/s", took.Seconds(), writes, float64(writes)/took.Seconds())
		return took, nil
	})
	return err
}

// leastWrites makes each write of Roadbed's once, on the platform that it has: a
// client with Roadbed's identity, under its guards. It neither watches nor decides
// anything, and Roadbed's server does not run, so that its webhooks are not asked.
type leastWrites struct {
	*bench
	*platform
	world  tenancy.World
	groups [][]client.Object
	live   *tracker[*corev1.ResourceQuota]
	made   []*v1alpha1.Tenant
}

// leastOn installs Roadbed's kinds and guards, and makes the tiers and business units.
// The tracker of quotas ends with the context.
func (b *bench) leastOn(ctx context.Context, p *platform) (*leastWrites, error) {
	if err := p.install(ctx); err != nil {
		return nil, err
	}
	quotas, err := follow(ctx, p.plane.AdminConfig(), &corev1.ResourceQuota{}, dead)
	if err != nil {
		return nil, err
	}
	f := &leastWrites{bench: b, platform: p, world: b.org.world(), live: quotas}
	if f.groups, err = b.org.planned(b.org.tenants[:b.tenants]); err != nil {
		return nil, err
	}
	units := append(asObjects(b.org.tiers), asObjects(b.org.units)...)
	return f, writeAll(ctx, p.admin, [][]client.Object{units}, concurrency{1, 1})
}

// phase makes writes of one kind, and says how many there were.
type phase struct {
	name string
	run  func(context.Context) (writes int, err error)
}

func (f *leastWrites) phases() []phase {
	return []phase{
		{"tenants with their finalizer", f.create},
		{"a reservation for each business unit", f.reservations},
		{"the generated objects", f.objects},
		{"each namespace's gate", f.gates},
		{"each tenant's status", f.statuses},
	}
}

// measure runs a phase on a control plane at rest and tells what it cost.
func (f *leastWrites) measure(ctx context.Context, name string, run func(context.Context) (int, error)) (time.Duration, error) {
	if err := f.settle(ctx); err != nil {
		return 0, err
	}
	meter, err := f.meter()
	if err != nil {
		return 0, err
	}
	writes, err := run(ctx)
	if err != nil {
		return 0, err
	}
	text, used, err := meter.read()
	if err != nil {
		return 0, err
	}
	f.report.add("  "+name, "", "%d writes, %.2f ms each; %s", writes, used.Seconds()*1000/float64(writes), text)
	return used, nil
}

// create makes the tenants, as an administrator would.
func (f *leastWrites) create(ctx context.Context) (int, error) {
	for _, t := range f.org.tenants[:f.bench.settings.tenants] {
		t = t.DeepCopy()
		t.Finalizers = append(t.Finalizers, v1alpha1.Finalizer)
		f.made = append(f.made, t)
	}
	var groups [][]client.Object
	for _, t := range f.made {
		groups = append(groups, []client.Object{t})
	}
	return len(f.made), writeAll(ctx, f.admin, groups, f.concurrency)
}

// reservations are written once for each business unit, with all its tenants'.
func (f *leastWrites) reservations(ctx context.Context) (int, error) {
	units := map[string]*v1alpha1.BusinessUnit{}
	for _, t := range f.made {
		name := t.Spec.BusinessUnit
		if units[name] == nil {
			units[name] = &v1alpha1.BusinessUnit{}
			if err := f.admin.Get(ctx, client.ObjectKey{Name: name}, units[name]); err != nil {
				return 0, err
			}
		}
		next, err := quota.Reserve(units[name], estate.TenantHolder(t), quota.Effective(t, f.world.Tiers[t.Spec.Tier]))
		if err != nil {
			return 0, err
		}
		units[name].Status.Reservations, units[name].Status.Reserved = next, quota.Reserved(next)
	}
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(f.concurrency.groups)
	for name, unit := range units {
		empty := &v1alpha1.BusinessUnit{ObjectMeta: metav1.ObjectMeta{Name: name}}
		writers.Go(func() error { return f.self.Status().Patch(ctx, unit, client.MergeFrom(empty)) })
	}
	return len(units), writers.Wait()
}

// objects makes what is generated and waits until every quota is live.
func (f *leastWrites) objects(ctx context.Context) (int, error) {
	for _, part := range [][][]client.Object{f.groups[:1], f.groups[1:]} {
		if err := writeAll(ctx, f.self, part, f.concurrency); err != nil {
			return 0, err
		}
	}
	count, _, keys := census(f.groups)
	_, err := f.live.await(ctx, keys, patience, nil)
	return count, err
}

// gates opens each namespace.
func (f *leastWrites) gates(ctx context.Context) (int, error) {
	gates := &estate.Estate{Client: f.self, Trail: silent{}, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler)}
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(f.concurrency.groups)
	count := 0
	for _, group := range f.groups {
		var names []string
		for _, obj := range group {
			if ns, is := obj.(*corev1.Namespace); is {
				names = append(names, ns.Name)
			}
		}
		count += len(names)
		writers.Go(func() error { return gates.Open(ctx, f.made[0], estate.KindTenant, names) })
	}
	return count, writers.Wait()
}

// silent is a trail that keeps nothing.
type silent struct{}

func (silent) Record(context.Context, trail.Record) error { return nil }

// statuses says of each tenant that it is Ready.
func (f *leastWrites) statuses(ctx context.Context) (int, error) {
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(f.concurrency.groups)
	for _, t := range f.made {
		ready := t.DeepCopy()
		ready.Status = f.readyStatus(t)
		writers.Go(func() error { return f.self.Status().Patch(ctx, ready, client.MergeFrom(t)) })
	}
	return len(f.made), writers.Wait()
}

// readyStatus is about what the status of a tenant says that is Ready.
func (f *leastWrites) readyStatus(t *v1alpha1.Tenant) v1alpha1.TenantStatus {
	tier := f.world.Tiers[t.Spec.Tier]
	status := v1alpha1.TenantStatus{
		ObservedGeneration: t.Generation,
		Model:              tenancy.Model(t, tier), Quota: quota.Effective(t, tier),
		Provisioned: &v1alpha1.Provisioned{Spec: t.Spec, Tier: tier.Spec},
	}
	for _, place := range tenancy.Places(t) {
		status.Namespaces = append(status.Namespaces, v1alpha1.TenantNamespaceStatus{Name: place.Namespace, Environment: place.Environment, Isolated: true})
	}
	for _, name := range []string{
		tenancy.ConditionAccepted, tenancy.ConditionReserved, tenancy.ConditionProvisioned, tenancy.ConditionIsolated, condition.Ready,
	} {
		condition.Set(&status.Conditions, metav1.Condition{
			Type: name, Status: metav1.ConditionTrue, Reason: name, ObservedGeneration: t.Generation,
			Message: "Everything that was asked for is in place, as the message of a real condition would say.", LastTransitionTime: metav1.Now(),
		})
	}
	return status
}
