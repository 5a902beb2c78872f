//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// many is what a number of routes costs a gateway.
type many struct {
	Routes int
	// P50 and P99 are of the time from giving the gateway a Config to the first answer
	// by the changed route, under load, the asking included.
	P50, P99 time.Duration
	// Apply is the gateway's part of that.
	Apply time.Duration
	// Errors of the load while routes changed, of so many requests.
	Errors, Requests int
	FirstError       string
	Series           int
	RSS              float64
}

// changes are made one after the other.
const changes = 100

// manyRoutes measures a gateway with that many routes.
func (b *bench) manyRoutes(ctx context.Context, routes int) error {
	p, address, err := b.gateway("full", routes)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := b.visit(address, routes); err != nil {
		return err
	}
	m := many{Routes: routes}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var loading sync.WaitGroup
	var got measured
	var failed error
	loading.Go(func() {
		got, failed = (&load{to: address, request: b.request, connections: connections, duration: time.Hour}).run(ctx)
	})
	err = b.changeAll(p, address, &m)
	cancel()
	loading.Wait()
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	m.Errors, m.Requests, m.FirstError = got.Errors, got.Requests, got.FirstError
	if m.Series, err = series(p); err != nil {
		return err
	}
	if m.RSS, err = p.rss(); err != nil {
		return err
	}
	b.say("%d routes: from the Config p50 %v p99 %v (applying %v), %d errors in %d requests %s, %d series, %.1f MiB",
		routes, m.P50, m.P99, m.Apply, m.Errors, m.Requests, m.FirstError, m.Series, m.RSS)
	b.report.many = append(b.report.many, m)
	return nil
}

// visit asks every route once, so that every series there can be is there.
func (b *bench) visit(address netip.AddrPort, routes int) error {
	a, err := newAsker(address, b.token)
	if err != nil {
		return err
	}
	defer a.close()
	for i := range routes {
		if _, err := a.ask(pathOf(i)); err != nil {
			return fmt.Errorf("route %d: %w", i, err)
		}
	}
	return nil
}

// changeAll changes one route after the other and waits for each to take effect.
func (b *bench) changeAll(p *process, address netip.AddrPort, m *many) error {
	a, err := newAsker(address, b.token)
	if err != nil {
		return err
	}
	defer a.close()
	var took, applying []time.Duration
	for version := 1; version <= changes; version++ {
		route := version * (m.Routes - 1) / changes
		told := time.Now()
		if _, err := fmt.Fprintln(p.input, "change", route, version); err != nil {
			return err
		}
		for {
			seen, err := a.ask(pathOf(route))
			if err != nil {
				return err
			}
			if seen == strconv.Itoa(version) {
				break
			}
			if time.Since(told) > 10*time.Second {
				return fmt.Errorf("a change of route %d of %d has no effect", route, m.Routes)
			}
		}
		took = append(took, time.Since(told))
		applied, err := p.line()
		if err != nil {
			return err
		}
		duration, err := time.ParseDuration(applied)
		if err != nil {
			return err
		}
		applying = append(applying, duration)
	}
	slices.Sort(took)
	slices.Sort(applying)
	m.P50, m.P99, m.Apply = took[len(took)/2], took[(len(took)*99+99)/100-1], applying[len(applying)/2]
	return nil
}

// series asks the gateway how many series of metrics it has.
func series(p *process) (int, error) {
	if _, err := io.WriteString(p.input, "series\n"); err != nil {
		return 0, err
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(line)
}

// asker asks one request after the other over one connection.
type asker struct {
	nc    net.Conn
	from  *bufio.Reader
	token string
}

func newAsker(address netip.AddrPort, token string) (*asker, error) {
	nc, err := net.Dial("tcp", address.String())
	if err != nil {
		return nil, err
	}
	return &asker{nc, bufio.NewReader(nc), token}, nil
}

func (a *asker) close() { _ = a.nc.Close() }

// ask returns the version of the route that answered.
func (a *asker) ask(path string) (version string, err error) {
	if _, err := a.nc.Write(requestFor(path, a.token)); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(a.from, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s is answered with %s", path, res.Status)
	}
	return res.Header.Get(versionField), nil
}
