package gateways_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/adapter/redis/redistest"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// alone runs a gateway by itself, fed with a Config of one route to elsewhere. It
// returns where that is, and what ends it.
func alone(t *testing.T, change func(*gateways.Options)) (url string, stop func()) {
	t.Helper()
	db, dialect, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	metrics, err := gateways.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	opts := gateways.Options{
		Config: &rest.Config{Host: "https://127.0.0.1:1"}, Database: &gateways.Database{DB: db, Dialect: dialect},
		Process: t.TempDir(), Metrics: metrics, Clock: clock.RealClock{}, Log: apptest.Log(),
	}
	change(&opts)
	g, err := gateways.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	at := freeport.Draw(t)
	if err := g.Apply(config(at)); err != nil || !g.Ready() {
		t.Fatal(err)
	}
	stop, _ = apptest.Until(t, g.Start)
	return "http://" + at.String() + "/", stop
}

// config redirects requests, 40 of them in an hour.
func config(at netip.AddrPort) *gateway.Config {
	rule := gateway.Rule{Matches: []gateway.Match{{}}, Filters: gateway.Filters{
		Redirect: &gateway.Redirect{Hostname: "there.corp.example"}, RateLimits: []string{"edge/hourly"},
	}}
	return &gateway.Config{
		Version: "1",
		Listeners: []gateway.Listener{{
			Name: "edge/edge/http", Gateway: "edge", Address: at, Protocol: gateway.HTTP,
			Routes: []*gateway.Route{{Kind: gateway.HTTPRoute, Namespace: "edge", Name: "edge", Rules: []gateway.Rule{rule}}},
		}},
		RateLimits: map[string]*gateway.RateLimit{"edge/hourly": {
			Name: "edge/hourly", Requests: rate, Unit: time.Hour, Scope: gateway.PerRoute, Failure: gateway.FailClosed,
		}},
	}
}

// status asks for a page, and follows nothing.
func status(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close() // nothing of it is wanted
	return answer.StatusCode
}

// TestRedis has two processes share a rate through a real Redis, and wants the
// policy's word to hold without it.
func TestRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var places []string
	for range 2 {
		url, _ := alone(t, func(o *gateways.Options) { o.Redis = server.URL })
		places = append(places, url)
	}
	// What Redis grants and cannot say in time is lost, one at most for each request
	// that is answered without it.
	passed, unanswered := 0, 0
	for i := range 3 * rate {
		kubetest.Eventually(t, patience, "Redis answers", func() error {
			switch got := status(t, places[i%2]); got {
			case http.StatusFound:
				passed++
			case http.StatusServiceUnavailable:
				unanswered++
				return fmt.Errorf("status %d", got)
			}
			return nil
		})
	}
	if passed > rate || passed < rate-unanswered {
		t.Errorf("%d of %d requests passed two processes, want %d, of which %d may be lost", passed, 3*rate, rate, unanswered)
	}
	url, _ := alone(t, func(o *gateways.Options) { o.Redis = server.URL })
	server.Stop()
	if got := status(t, url); got != http.StatusServiceUnavailable {
		t.Errorf("without Redis a policy that fails closed answers %d", got)
	}
	if _, err := gateways.New(t.Context(), gateways.Options{Config: &rest.Config{}, Redis: "no://redis"}); err == nil {
		t.Error("a URL that is none of Redis is taken")
	}
}

// TestSpans wants spans of sampled requests at the collector, when the gateway ends
// at the latest, from either front.
func TestSpans(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"NetHTTP": false, "OwnFront": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int64
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/traces" && r.ContentLength > 0 {
					told.Add(1)
				}
			}))
			t.Cleanup(collector.Close)
			url, stop := alone(t, func(o *gateways.Options) {
				o.OwnFront, o.Spans = own, gateways.Spans{Endpoint: collector.URL, Ratio: 1}
			})
			kubetest.Eventually(t, patience, "it serves", func() error {
				status(t, url)
				return nil
			})
			stop()
			if told.Load() == 0 {
				t.Error("no span was exported")
			}
		})
	}
	if err := (gateways.Spans{Endpoint: "http://me:secret@collector:4318"}).Validate(); err == nil {
		t.Error("a collector's URL with a password is taken, which would be in logs")
	}
	if _, err := gateways.New(context.Background(), gateways.Options{Config: &rest.Config{}}); err == nil {
		t.Error("a gateway without anybody to keep its ledger is taken")
	}
}
