package embedded

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestNothingRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, err := Look(t.Context(), dir)
	if err != nil || state.Running || state.Ready || state.Reason != "not running" {
		t.Errorf("state %+v, %v", state, err)
	}
	if stopped, err := Stop(t.Context(), dir, clock.RealClock{}); stopped || err != nil {
		t.Errorf("stopped %t, %v", stopped, err)
	}
}

func TestLastErrorIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cause := errors.New("the disk is full")
	if err := (Report{PID: 7, Phase: PhaseServer}).failed(dir, cause); !errors.Is(err, cause) {
		t.Fatal(err)
	}
	state, err := Look(t.Context(), dir)
	if err != nil || state.Reason != "not running; it ended with: the disk is full" {
		t.Errorf("reason %q, %v", state.Reason, err)
	}
}

// TestDamagedReportIsNamed wants it to keep nobody from anything.
func TestDamagedReportIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, reportFile)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := Look(t.Context(), dir)
	if err != nil || !strings.Contains(state.Reason, file) {
		t.Errorf("reason %q, %v; want one that names %s", state.Reason, err, file)
	}
}

func TestWhyNotReady(t *testing.T) {
	t.Parallel()
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(well.Close)
	ill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "tenancy-tenant has been silent for 31s", http.StatusServiceUnavailable)
	}))
	t.Cleanup(ill.Close)
	up := []standalone.ChildStatus{{Name: "etcd", Ready: true}}
	for _, c := range []struct {
		name  string
		state State
		want  string
	}{
		{"all is well", State{Running: true, Plane: standalone.Status{Children: up}, Server: Report{Phase: PhaseReady, Health: well.URL}}, ""},
		{"a controller is silent", State{Running: true, Plane: standalone.Status{Children: up}, Server: Report{Phase: PhaseReady, Health: ill.URL}}, "tenancy-tenant has been silent for 31s"},
		{"a child is down", State{Running: true, Plane: standalone.Status{Children: []standalone.ChildStatus{{Name: "etcd"}}}}, "etcd is not ready"},
		{"a child is starting", State{Running: true, Plane: standalone.Status{Children: []standalone.ChildStatus{{Name: "etcd", Waiting: "connection refused"}}}}, "etcd is not ready: connection refused"},
		{"the server is starting", State{Running: true, Plane: standalone.Status{Children: up}, Server: Report{Phase: PhaseInstall}}, "starting: Install"},
		{"its process was killed", State{Running: true, Plane: standalone.Status{PID: 7, Orphaned: true}}, "process 7 was killed, and its children are ending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.state.whyNotReady(t.Context()); got != c.want {
				t.Errorf("reason %q, want %q", got, c.want)
			}
		})
	}
}
