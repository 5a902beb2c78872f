package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// lookAtQueues is how soon the server's queues are looked at again.
const lookAtQueues = 20 * time.Millisecond

// fill onboards further tenants until there are as many namespaces as wanted.
func (b *bench) fill(ctx context.Context, p *platform) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the tracker
	present := b.tenants + b.latencies
	further := b.org.tenants[present:b.org.upTo(b.namespaces, present)]
	if len(further) == 0 {
		return nil
	}
	tenants, err := follow(ctx, p.plane.AdminConfig(), &v1alpha1.Tenant{}, unready[*v1alpha1.Tenant])
	if err != nil {
		return err
	}
	if err := writeAll(ctx, p.admin, one(further), b.concurrency); err != nil {
		return err
	}
	_, err = tenants.await(ctx, keysOf(further), patience, progress(b.progress, "tenants ready", len(further)))
	return err
}

// restart kills the server with -9, starts it again and takes the time from
// there until it is ready and has looked at everything there is.
func (b *bench) restart(ctx context.Context, p *platform) error {
	tenants := b.org.upTo(b.namespaces, b.tenants+b.latencies)
	p.stopServer()
	start := time.Now()
	if err := p.startServer(ctx); err != nil {
		return err
	}
	ready := time.Since(start)
	for {
		synced, err := p.synced(ctx, tenants)
		if err != nil {
			return err
		}
		if synced {
			break
		}
		if time.Since(start) > patience {
			return fmt.Errorf("the server has not looked at everything for %s", patience)
		}
		if err := pause(ctx, lookAtQueues); err != nil {
			return err
		}
	}
	took := time.Since(start)
	memory, err := p.server.Memory()
	if err != nil {
		return err
	}
	b.report.summary.Restart = round(took.Seconds())
	b.report.add("restart after kill -9", "<= 10 s", "%.2f s until everything was reconciled, %.2f s until ready, with %d tenants",
		took.Seconds(), ready.Seconds(), tenants)
	b.report.add("server memory after the restart", "", "%.0f MiB resident", float64(memory.Resident)/(1<<20))
	return nil
}

// synced says whether the server is ready, has reconciled each tenant, and has
// nothing left to do.
func (p *platform) synced(ctx context.Context, tenants int) (bool, error) {
	if _, err := get(ctx, "http://"+p.addresses.Health+"/readyz"); err != nil {
		return false, err
	}
	body, err := get(ctx, "http://"+p.addresses.Metrics+"/metrics")
	if err != nil {
		return false, err
	}
	metrics := string(body)
	waiting := sum(metrics, "workqueue_depth", "")
	active := sum(metrics, "controller_runtime_active_workers", "")
	done := sum(metrics, "controller_runtime_reconcile_total", `controller="tenancy-tenant"`)
	return waiting == 0 && active == 0 && done >= float64(tenants), nil
}

// sum adds the values of a metric's series whose labels contain the given text.
func sum(metrics, name, labels string) float64 {
	var total float64
	for line := range strings.Lines(metrics) {
		rest, found := strings.CutPrefix(line, name+"{")
		if !found {
			continue
		}
		series, value, found := strings.Cut(rest, "} ")
		if !found || !strings.Contains(series, labels) {
			continue
		}
		number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err == nil {
			total += number
		}
	}
	return total
}
