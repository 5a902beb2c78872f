package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/test/server"
)

// meter reads how much processor time each process of a platform has used. It
// tells cost from waiting, and hardly cares what else the machine does.
type meter struct {
	platform *platform
	start    map[string]time.Duration
	pids     map[string]int
}

func (p *platform) meter() (meter, error) {
	start, err := p.cpu()
	return meter{platform: p, start: start, pids: p.pids()}, err
}

// read tells the time used since the meter was made, by process and in all.
func (m meter) read() (text string, total time.Duration, err error) {
	now, err := m.platform.cpu()
	if err != nil {
		return "", 0, err
	}
	for name, pid := range m.platform.pids() {
		if pid != m.pids[name] {
			return "", 0, fmt.Errorf("%s was started anew meanwhile, so nobody knows what it used: run this again", name)
		}
	}
	var told []string
	for _, name := range m.platform.processes() {
		used := now[name] - m.start[name]
		total += used
		told = append(told, fmt.Sprintf("%s %.1f", name, used.Seconds()))
	}
	return fmt.Sprintf("%.1f s: %s", total.Seconds(), strings.Join(told, ", ")), total, nil
}

// cost returns what was used until now, and tells it and what was used until the control plane has come to
// rest: Kubernetes gives each namespace a service account and a certificate
// authority, which are charged to its quota, and whoever is done early is done
// before most of that.
func (b *bench) cost(ctx context.Context, p *platform, m meter, start time.Time) (time.Duration, error) {
	text, until, err := m.read()
	if err != nil {
		return 0, err
	}
	b.report.add("  processor time", "", "%s", text)
	if err := p.settle(ctx); err != nil {
		return 0, err
	}
	rest := time.Since(start)
	all, _, err := m.read()
	if err != nil {
		return 0, err
	}
	b.report.add("  until Kubernetes came to rest", "", "%.1f s; %s", rest.Seconds(), all)
	return until, nil
}

// pids are the process ids of the control plane's processes.
func (p *platform) pids() map[string]int {
	pids := map[string]int{}
	for _, child := range p.plane.Status().Children {
		pids[child.Name] = child.PID
	}
	return pids
}

// processes are the names of the platform's processes, Roadbed's server last.
func (p *platform) processes() []string {
	var names []string
	for _, child := range p.plane.Status().Children {
		names = append(names, child.Name)
	}
	if p.server != nil {
		names = append(names, serverName)
	}
	return names
}

// settle waits until the platform's processes have nothing to do: a fresh
// control plane builds its API documents and fills its caches for a while, and
// that is nobody's cost.
func (p *platform) settle(ctx context.Context) error {
	const look, most = time.Second, 45 * time.Second
	deadline := time.Now().Add(most)
	for time.Now().Before(deadline) {
		before, err := p.total()
		if err != nil {
			return err
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
		after, err := p.total()
		if err != nil || after-before < look/8 {
			return err
		}
	}
	return fmt.Errorf("the control plane does not come to rest in %s", most)
}

// total is the processor time of all processes.
func (p *platform) total() (time.Duration, error) {
	used, err := p.cpu()
	var total time.Duration
	for _, each := range used {
		total += each
	}
	return total, err
}

const serverName = "roadbed"

func (p *platform) cpu() (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	var err error
	for _, child := range p.plane.Status().Children {
		if used[child.Name], err = server.CPU(child.PID); err != nil {
			return nil, err
		}
	}
	if p.server != nil {
		used[serverName], err = server.CPU(p.server.PID())
	}
	return used, err
}
