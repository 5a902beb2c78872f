package embedded

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

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

// dead makes a data directory whose process holds its locks and does not answer.
// Each time it is asked, asked is called with what gives the locks free.
func dead(t *testing.T, asked func(free func())) string {
	t.Helper()
	dir := t.TempDir()
	var locks []*os.File
	for _, name := range []string{"lock", "owner"} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		locks = append(locks, file)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked(func() {
			for _, file := range locks {
				file.Close()
			}
		})
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	for name, content := range map[string]string{
		"owner": "7", "status.json": `{"pid": 7}`,
		reportFile: fmt.Sprintf(`{"pid": 7, "phase": %q, "health": %q}`, PhaseReady, server.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestKilledAMomentAgo wants nobody told that it runs.
func TestKilledAMomentAgo(t *testing.T) {
	t.Parallel()
	questions := 0
	dir := dead(t, func(free func()) {
		if questions++; questions == 3 {
			free()
		}
	})
	clk := clocktesting.NewFakeClock(time.Now())
	go func() { // Only the pauses count: however long a question takes, there are three.
		for t.Context().Err() == nil {
			if clk.HasWaiters() {
				clk.Step(dyingPoll)
			}
			runtime.Gosched()
		}
	}()
	state, err := LookSettled(t.Context(), dir, clk)
	if err != nil || state.Running {
		t.Errorf("state %+v, %v", state, err)
	}
}

// TestHungProcess wants it told that it runs, and how it is.
func TestHungProcess(t *testing.T) {
	t.Parallel()
	clk := clocktesting.NewFakeClock(time.Now())
	dir := dead(t, func(func()) { clk.Step(dying + time.Second) })
	state, err := LookSettled(t.Context(), dir, clk)
	if err != nil || !state.Running || state.Plane.PID != 7 || !strings.HasPrefix(state.Reason, silence) {
		t.Errorf("state %+v, %v", state, err)
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
