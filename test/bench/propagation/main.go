// Command propagation measures how long a change of a route takes from the API server
// to the first answer by it: the write, the watch, the translation of the cluster's
// objects, and the proxy's part, with thousands of routes and clients that call all
// the while. The control plane, the gateway and the clients share the machine.
//
// It prints what it found and, as its last line, one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// callers call all the while, each as soon as it has its answer and a little later.
const (
	callers = 8
	pause   = 5 * time.Millisecond
)

// patience is how long a change may take before the run is given up.
const patience = 30 * time.Second

type settings struct {
	kube            string
	routes, changes int
}

// summary is the last line.
type summary struct {
	Routes     int     `json:"routes"`
	P50        float64 `json:"propagation_watch_p50_ms"`
	P99        float64 `json:"propagation_watch_p99_ms"`
	WrittenP99 float64 `json:"propagation_written_p99_ms"`
	Errors     int64   `json:"live_change_errors"`
	Requests   int64   `json:"requests"`
}

func main() {
	var s settings
	flag.StringVar(&s.kube, "kube", "bin/roadbed-kube", "the control plane's binary")
	flag.IntVar(&s.routes, "routes", 3000, "how many routes there are")
	flag.IntVar(&s.changes, "changes", 100, "how many of them change, one after the other")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(s settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c scene
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.stage(ctx, s); err != nil {
		return err
	}
	found, err := c.measure(ctx, s)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// measure changes routes under load.
func (c *scene) measure(ctx context.Context, s settings) (*summary, error) {
	var requests, failed atomic.Int64
	loading, stop := context.WithCancel(ctx)
	var crowd sync.WaitGroup
	defer crowd.Wait()
	defer stop()
	for range callers {
		crowd.Go(func() {
			for ; loading.Err() == nil; <-time.After(pause) {
				_, err := c.ask(loading, 0)
				if loading.Err() == nil {
					requests.Add(1)
					failed.Add(one(err != nil))
				}
			}
		})
	}
	var all, written []time.Duration
	for version := 1; version <= s.changes; version++ {
		took, since, err := c.change(ctx, version*(s.routes-1)/s.changes, version)
		if err != nil {
			return nil, err
		}
		all, written = append(all, took), append(written, since)
	}
	slices.Sort(all)
	slices.Sort(written)
	fmt.Fprintf(os.Stderr, "%d routes: from the write's begin p50 %v p99 %v, from its end p50 %v p99 %v, %d errors in %d requests\n",
		s.routes, at(all, 50), at(all, 99), at(written, 50), at(written, 99), failed.Load(), requests.Load())
	return &summary{
		Routes: s.routes, P50: milliseconds(at(all, 50)), P99: milliseconds(at(all, 99)), WrittenP99: milliseconds(at(written, 99)),
		Errors: failed.Load(), Requests: requests.Load(),
	}, nil
}

// change gives a route another version, and returns how long it took from the begin of
// the write, and from its end, to the first answer by it.
func (c *scene) change(ctx context.Context, i, version int) (took, since time.Duration, err error) {
	patch := fmt.Appendf(nil, `{"spec":{"rules":[%s]}}`, rule(i, version))
	began := time.Now()
	route := &gatewayv1.HTTPRoute{}
	route.Namespace, route.Name = namespace, routeName(i)
	if err := c.admin.Patch(ctx, route, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		return 0, 0, err
	}
	wrote := time.Now()
	for {
		seen, err := c.ask(ctx, i)
		switch {
		case err != nil:
			return 0, 0, err
		case seen == strconv.Itoa(version):
			return time.Since(began), time.Since(wrote), nil
		case time.Since(wrote) > patience:
			return 0, 0, fmt.Errorf("the change of route %d has no effect", i)
		}
	}
}

// ask returns the version of the route that answers.
func (c *scene) ask(ctx context.Context, i int) (version string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+path(i), http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := c.calls.RoundTrip(r)
	if err != nil {
		return "", err
	}
	_ = res.Body.Close() // it is empty
	if res.StatusCode != http.StatusNoContent {
		return "", fmt.Errorf("%s is answered with %s", path(i), res.Status)
	}
	return res.Header.Get(versionField), nil
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
