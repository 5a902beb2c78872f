// Command propagation measures how long a change of a route takes from the API server
// to the first answer by it: the watch, the translation of the cluster's objects, and the
// proxy's part, with thousands of routes and clients that call all the while. The control
// plane, the gateway and the clients share the machine.
//
// The time is from the API server's answer to the write, which is when the change is
// acknowledged, and also from the begin of the request, which has the API server's own
// work in it. Who asks for the change asks again half a millisecond after each answer.
//
// It prints what it found and, as its last lines, one JSON object for each number of
// routes.
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
	"strings"
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

// again is how soon it is asked again whether a change has effect.
const again = 500 * time.Microsecond

// patience is how long a change may take before the run is given up.
const patience = 30 * time.Second

type settings struct {
	kube    string
	routes  []int
	changes int
}

// summary is the line for a number of routes.
type summary struct {
	Routes     int     `json:"routes"`
	P50        float64 `json:"propagation_p50_ms"`
	P99        float64 `json:"propagation_p99_ms"`
	RequestP50 float64 `json:"propagation_request_p50_ms"`
	RequestP99 float64 `json:"propagation_request_p99_ms"`
	Errors     int64   `json:"live_change_errors"`
	Requests   int64   `json:"requests"`
}

func main() {
	var s settings
	flag.StringVar(&s.kube, "kube", "bin/roadbed-kube", "the control plane's binary")
	routes := flag.String("routes", "3000", "how many routes there are; several numbers with commas are measured one after the other")
	flag.IntVar(&s.changes, "changes", 200, "how many of them change, one after the other")
	flag.Parse()
	err := s.read(*routes)
	if err == nil {
		err = run(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// read takes the numbers of routes, the lowest first.
func (s *settings) read(routes string) error {
	for text := range strings.SplitSeq(routes, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 2 {
			return fmt.Errorf("-routes %q: give numbers of at least 2, with commas between them", routes)
		}
		s.routes = append(s.routes, number)
	}
	slices.Sort(s.routes)
	return nil
}

func run(s settings) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c scene
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.stage(ctx, s); err != nil {
		return err
	}
	for i, routes := range s.routes {
		if err := c.fill(ctx, routes); err != nil {
			return err
		}
		found, err := c.measure(ctx, routes, s.changes, i*s.changes)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			return err
		}
	}
	return nil
}

// measure changes routes under load; versions are those after the last.
func (c *scene) measure(ctx context.Context, routes, changes, last int) (*summary, error) {
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
	for i := 1; i <= changes; i++ {
		took, since, err := c.change(ctx, i*(routes-1)/changes, last+i)
		if err != nil {
			return nil, err
		}
		all, written = append(all, took), append(written, since)
	}
	slices.Sort(all)
	slices.Sort(written)
	fmt.Fprintf(os.Stderr, "%d routes: from the acknowledged write p50 %v p99 %v, from the request p50 %v p99 %v, %d errors in %d requests\n",
		routes, at(written, 50), at(written, 99), at(all, 50), at(all, 99), failed.Load(), requests.Load())
	return &summary{
		Routes: routes, P50: milliseconds(at(written, 50)), P99: milliseconds(at(written, 99)),
		RequestP50: milliseconds(at(all, 50)), RequestP99: milliseconds(at(all, 99)), Errors: failed.Load(), Requests: requests.Load(),
	}, nil
}

// change gives a route another version, and returns how long it took from the begin of
// the write, and from its acknowledgement, to the first answer by it.
func (c *scene) change(ctx context.Context, i, version int) (took, since time.Duration, err error) {
	patch := fmt.Appendf(nil, `{"spec":{"rules":[%s]}}`, rule(i, version))
	began := time.Now()
	route := &gatewayv1.HTTPRoute{}
	route.Namespace, route.Name = namespace, routeName(i)
	if err := c.admin.Patch(ctx, route, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		return 0, 0, err
	}
	wrote := time.Now()
	for ; ; <-time.After(again) {
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

// at is the percentile by nearest rank: of that many in a hundred none took longer.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
