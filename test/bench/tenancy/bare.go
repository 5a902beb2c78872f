package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/test/server"
)

// generatedAlone writes the generated objects of all tenants with plain creates,
// as fast as its workers can, until every quota is live. The control plane is a
// plain one: nobody's kinds, guards and roles are there.
func (b *bench) generatedAlone(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	groups, err := b.org.planned(b.org.tenants[:b.tenants])
	if err != nil {
		return err
	}
	quotas, err := follow(ctx, p.plane.AdminConfig(), &corev1.ResourceQuota{}, dead)
	if err != nil {
		return err
	}
	objects, namespaces, keys := census(groups)
	b.say("bare: write %d objects in %d namespaces", objects, namespaces)
	b.plain, err = b.spent(ctx, p, func(start time.Time) (time.Duration, error) {
		shared, tenants := groups[:1], groups[1:]
		for _, part := range [][][]client.Object{shared, tenants} {
			if err := writeAll(ctx, p.admin, part, b.concurrency); err != nil {
				return 0, err
			}
		}
		written := time.Since(start)
		last, err := quotas.await(ctx, keys, patience, progress(b.progress, "quotas live", len(keys)))
		if err != nil {
			return 0, err
		}
		took := max(last.Sub(start), written)
		b.report.add("objects written", "", "%d in %d namespaces, for %d tenants", objects, namespaces, b.tenants)
		b.report.add("bare client, generated objects alone", "", "%.1f s until every quota was live; its own writes took %.1f s, %.0f/s",
			took.Seconds(), written.Seconds(), float64(objects)/written.Seconds())
		return took, nil
	})
	return err
}

// spent has a bare client write, on a control plane at rest, and tells what that
// cost, this program's own processor time apart. The writes say how long they took.
func (b *bench) spent(ctx context.Context, p *platform, writes func(start time.Time) (time.Duration, error)) (cost, error) {
	if err := p.settle(ctx); err != nil {
		return cost{}, err
	}
	meter, err := p.meter()
	if err != nil {
		return cost{}, err
	}
	before, err := server.CPU(os.Getpid())
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	took, err := writes(start)
	if err != nil {
		return cost{}, err
	}
	now, err := server.CPU(os.Getpid())
	if err != nil {
		return cost{}, err
	}
	b.report.add("  the client itself, not counted", "", "%.1f s of processor time", (now - before).Seconds())
	used, err := b.cost(ctx, p, meter, start)
	return cost{took, used}, err
}

// census counts objects and namespaces, and lists the keys of the quotas.
func census(groups [][]client.Object) (objects, namespaces int, quotas []string) {
	for _, group := range groups {
		objects += len(group)
		for _, obj := range group {
			switch obj.(type) {
			case *corev1.Namespace:
				namespaces++
			case *corev1.ResourceQuota:
				quotas = append(quotas, client.ObjectKeyFromObject(obj).String())
			}
		}
	}
	return objects, namespaces, quotas
}

// dead says what keeps a quota from being enforced.
func dead(q *corev1.ResourceQuota) string {
	if !equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard) {
		return "the quota is not live"
	}
	return ""
}

// writeAll creates the objects of each group, several groups at a time, and of
// each group the namespaces first and then several at a time: what Roadbed's
// controller does, too.
func writeAll(ctx context.Context, writer client.Client, groups [][]client.Object, atOnce concurrency) error {
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(atOnce.groups)
	for _, objects := range groups {
		workers.Go(func() error { return writeGroup(ctx, writer, objects, atOnce.objects) })
	}
	return workers.Wait()
}

func writeGroup(ctx context.Context, writer client.Client, objects []client.Object, atOnce int) error {
	var namespaces, others []client.Object
	for _, obj := range objects {
		if _, is := obj.(*corev1.Namespace); is {
			namespaces = append(namespaces, obj)
		} else {
			others = append(others, obj)
		}
	}
	if err := createAll(ctx, writer, namespaces, atOnce); err != nil {
		return err
	}
	return createAll(ctx, writer, others, atOnce)
}

func createAll(ctx context.Context, writer client.Client, objects []client.Object, atOnce int) error {
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(atOnce)
	for _, obj := range objects {
		writers.Go(func() error { return create(ctx, writer, obj) })
	}
	return writers.Wait()
}

func create(ctx context.Context, writer client.Client, obj client.Object) error {
	if err := writer.Create(ctx, obj); err != nil {
		return fmt.Errorf("create %T %s: %w", obj, client.ObjectKeyFromObject(obj), err)
	}
	return nil
}
