package scan_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scan"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// labelled wants a label on ConfigMaps of one namespace, or on those of them that
// a label selector chooses.
type labelled struct{ name, namespace, objects string }

func (l labelled) Info() policy.Info {
	return policy.Info{Name: l.name, Tier: policy.Default, Background: true, Rules: []string{"label"}}
}

func (l labelled) Scopes() []policy.Scope {
	return []policy.Scope{{Version: "v1", Resource: "configmaps", Operations: []admissionv1.Operation{admissionv1.Create}, Objects: l.objects}}
}

func (l labelled) Validate(_ context.Context, r *policy.Request, _ policy.World) []policy.Result {
	if r.Namespace != l.namespace || r.Kind.Kind != "ConfigMap" || r.Name == "kube-root-ca.crt" {
		return nil
	}
	result := policy.Result{Policy: l.name, Rule: "label", Tier: policy.Default, Status: policy.Fail, Message: "no owner"}
	if r.Labels()["owner"] != "" {
		result.Status, result.Message = policy.Pass, ""
	}
	return []policy.Result{result}
}

// waiver waives everything for names with a prefix.
type waiver string

func (w waiver) Waives(_ policy.Info, _ string, r *policy.Request, _ time.Time) string {
	if w != "" && strings.HasPrefix(r.Name, string(w)) {
		return "relief"
	}
	return ""
}

func (waiver) Narrows(policy.Info, string, *policy.Request, time.Time) []policy.Narrowing { return nil }

// cluster serves two kinds and knows no namespaces.
type cluster struct{}

func (cluster) Served(context.Context) ([]policy.Served, error) {
	return []policy.Served{
		{Version: "v1", Kind: "ConfigMap", Resource: "configmaps", Namespaced: true},
		{Version: "v1", Kind: "Secret", Resource: "secrets", Namespaced: true},
	}, nil
}

func (cluster) Namespace(context.Context, string) (map[string]any, error) {
	return map[string]any{}, nil
}

// world is a namespace, a store and a running scanner.
type world struct {
	t         *testing.T
	env       *kubetest.Env
	namespace string
	store     *history.Store
	scanner   *scan.Scanner
}

func start(t *testing.T, namespace string) *world {
	t.Helper()
	return startBy(t, namespace, clock.RealClock{}, nil)
}

// startBy starts a scanner by a clock, with a wrap around what it asks.
func startBy(t *testing.T, namespace string, by clock.WithTicker, wrap transport.WrapperFunc) *world {
	t.Helper()
	env := kubetest.Start(t)
	w := &world{t: t, env: env, namespace: namespace}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	db, dialect, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	w.store, err = history.Open(t.Context(), db, dialect, clock.RealClock{})
	check(t, err)
	connection := rest.CopyConfig(env.Admin)
	connection.Wrap(wrap)
	client, err := dynamic.NewForConfig(connection)
	check(t, err)
	w.scanner = scan.New(scan.Deps{
		Client: client, Cluster: cluster{}, Store: w.store, Clock: by, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = w.scanner.Start(ctx) // always nil
	}()
	t.Cleanup(func() { cancel(); <-stopped })
	return w
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	check(w.t, w.env.Client.Create(w.t.Context(), object))
}

func (w *world) configMap(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: labels}}
}

// await returns when the namespace's results are as given: "name status".
func (w *world) await(want ...string) {
	w.t.Helper()
	kubetest.Eventually(w.t, 20*time.Second, strings.Join(want, ", "), func() error {
		reports, err := w.store.Reports(w.t.Context(), history.Query{Namespace: w.namespace})
		if err != nil {
			return err
		}
		got := map[string]bool{}
		for _, report := range reports {
			for _, result := range report.Results {
				got[report.Subject.Name+" "+string(result.Status)] = true
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("results %v", got)
		}
		for _, result := range want {
			if !got[result] {
				return fmt.Errorf("results %v", got)
			}
		}
		return nil
	})
}

// TestScan follows objects, policies and overrides.
func TestScan(t *testing.T) {
	t.Parallel()
	w := start(t, "scan-follows")
	old := w.configMap("old", nil)
	w.create(old)
	w.create(w.configMap("fine", map[string]string{"owner": "team"}))
	owners := []policy.Evaluator{labelled{name: "owners", namespace: w.namespace}}

	w.scanner.Use(policy.NewSet(owners, nil))
	w.await("old fail", "fine pass") // what was there before
	fresh := w.configMap("fresh", nil)
	w.create(fresh)
	w.await("old fail", "fine pass", "fresh fail") // what comes
	fresh.Labels = map[string]string{"owner": "team"}
	check(t, w.env.Client.Update(t.Context(), fresh))
	w.await("old fail", "fine pass", "fresh pass") // what changes
	check(t, w.env.Client.Delete(t.Context(), fresh))
	w.await("old fail", "fine pass") // what goes

	check(t, w.scanner.Amend(t.Context(), policy.NewSet(owners, waiver("old")), history.Query{Status: policy.Fail}))
	w.await("old skip", "fine pass") // an override begins
	check(t, w.scanner.Amend(t.Context(), policy.NewSet(owners, nil), history.Query{Override: "relief"}))
	w.await("old fail", "fine pass") // and ends

	w.scanner.Use(policy.NewSet(nil, nil))
	w.await() // no policy, no results
}

// TestScanChooses looks only at objects that the policies may concern.
func TestScanChooses(t *testing.T) {
	t.Parallel()
	w := start(t, "scan-chooses")
	w.create(w.configMap("generated", map[string]string{"by": "platform"}))
	w.scanner.Use(policy.NewSet([]policy.Evaluator{labelled{name: "owners", namespace: w.namespace, objects: "by notin (platform)"}}, nil))
	mine := w.configMap("mine", nil)
	w.create(mine)
	w.await("mine fail")
	w.create(w.configMap("also-generated", map[string]string{"by": "platform"}))
	mine.Labels = map[string]string{"by": "platform"}
	check(t, w.env.Client.Update(t.Context(), mine))
	w.await() // it is no longer chosen, and the others never were
}

// TestScanSweeps removes what went while nobody watched.
func TestScanSweeps(t *testing.T) {
	t.Parallel()
	w := start(t, "scan-sweeps")
	gone := history.Subject{APIVersion: "v1", Kind: "ConfigMap", Namespace: w.namespace, Name: "gone", UID: "gone"}
	check(t, w.store.Put(t.Context(), history.Judgement{Subject: gone, Results: []policy.Result{{Policy: "p", Rule: "r", Status: policy.Fail}}}))
	w.scanner.Use(policy.NewSet([]policy.Evaluator{labelled{name: "owners", namespace: w.namespace}}, nil))
	w.await()
	kubetest.Eventually(t, time.Minute, "synced", func() error {
		if !w.scanner.Synced() {
			return errors.New("not synced")
		}
		return nil
	})
}

// answering answers requests with a status while it is not zero.
func answering(status *atomic.Int32, which func(*http.Request) bool) transport.WrapperFunc {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			code := int(status.Load())
			if code == 0 || !which(r) {
				return next.RoundTrip(r)
			}
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAmendGoesOn judges again what can be read, whatever cannot.
func TestAmendGoesOn(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	w := startBy(t, "scan-goes-on", clock.RealClock{}, answering(&status, func(r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/configmaps/bad")
	}))
	for _, name := range []string{"bad-1", "bad-2", "bad-3", "bad-4", "bad-5", "good"} {
		w.create(w.configMap(name, nil))
	}
	owners := []policy.Evaluator{labelled{name: "owners", namespace: w.namespace}}
	w.scanner.Use(policy.NewSet(owners, nil))
	w.await("bad-1 fail", "bad-2 fail", "bad-3 fail", "bad-4 fail", "bad-5 fail", "good fail")
	status.Store(http.StatusInternalServerError)
	if err := w.scanner.Amend(t.Context(), policy.NewSet(owners, waiver("good")), history.Query{Status: policy.Fail}); err == nil {
		t.Error("nobody learns that objects were not judged")
	}
	w.await("bad-1 fail", "bad-2 fail", "bad-3 fail", "bad-4 fail", "bad-5 fail", "good skip")
}

// TestResourceComesBack scans a resource that was not served for a moment, as that
// of a server that starts anew.
func TestResourceComesBack(t *testing.T) {
	t.Parallel()
	var status, refused atomic.Int32
	status.Store(http.StatusNotFound)
	w := startBy(t, "scan-comes-back", clock.RealClock{}, answering(&status, func(*http.Request) bool {
		refused.Add(1)
		return true
	}))
	w.create(w.configMap("old", nil))
	w.scanner.Use(policy.NewSet([]policy.Evaluator{labelled{name: "owners", namespace: w.namespace}}, nil))
	kubetest.Eventually(t, time.Minute, "the resource is asked for", func() error {
		if refused.Load() == 0 {
			return errors.New("it was not")
		}
		return nil
	})
	status.Store(0)
	w.await("old fail")
}

// TestUnlistedHoldsUpNobody removes results of what is gone although a resource
// cannot be listed.
func TestUnlistedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusInternalServerError)
	now := clocktesting.NewFakeClock(time.Now())
	w := startBy(t, "scan-unlisted", now, answering(&status, func(*http.Request) bool { return true }))
	gone := history.Subject{APIVersion: "v1", Kind: "Secret", Namespace: w.namespace, Name: "gone", UID: "gone"}
	check(t, w.store.Put(t.Context(), history.Judgement{Subject: gone, Results: []policy.Result{{Policy: "p", Rule: "r", Status: policy.Fail}}}))
	w.scanner.Use(policy.NewSet([]policy.Evaluator{labelled{name: "owners", namespace: w.namespace}}, nil))
	kubetest.Eventually(t, time.Minute, "the result is gone", func() error {
		now.Step(5 * time.Second)
		known, err := w.store.UIDs(t.Context())
		if err == nil && len(known) > 0 {
			err = errors.New("it is there")
		}
		return err
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
