package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/utils/clock"
)

func policy(kind, name string) string {
	return fmt.Sprintf("apiVersion: admissionregistration.k8s.io/v1\nkind: %s\nmetadata: {name: %s}\n", kind, name)
}

func TestManifestsAreSortedByPlugin(t *testing.T) {
	t.Parallel()
	l := layout(t.TempDir())
	both := "# comment only\n---\n" + policy("MutatingAdmissionPolicy", "m.static.k8s.io") + "---\n" +
		policy("ValidatingAdmissionPolicyBinding", "b.static.k8s.io") + "---\n" + policy("ValidatingAdmissionPolicy", "v.static.k8s.io")
	if err := os.MkdirAll(l.admission("validating"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.admission("validating/stale.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeManifests(l, []Manifest{{Name: "both.yaml", Data: []byte(both)}}); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string][]string{
		"mutating":   {"m.static.k8s.io"},
		"validating": {"b.static.k8s.io", "v.static.k8s.io"},
	} {
		files, err := filepath.Glob(filepath.Join(l.admission(folder), "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s holds %v, %v", folder, files, err)
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if !strings.Contains(string(content), name) {
				t.Errorf("%s does not hold %s:\n%s", files[0], name, content)
			}
		}
		if got := strings.Count(string(content), "kind:"); got != len(want) {
			t.Errorf("%s holds %d objects, want %d", files[0], got, len(want))
		}
	}
}

func TestManifestsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, name, data, says string }{
		{"another kind", "a.yaml", policy("ConfigMap", "a.static.k8s.io"), `kind "ConfigMap" cannot be a static admission manifest`},
		{"a name that the API could take", "a.yaml", policy("ValidatingAdmissionPolicy", "a"), `the name must end in ".static.k8s.io"`},
		{"no YAML", "a.yaml", "{", "a.yaml"},
		{"a path out of the folder", "../a.yaml", policy("ValidatingAdmissionPolicy", "a.static.k8s.io"), "not a file name"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			err := writeManifests(layout(t.TempDir()), []Manifest{{Name: c.name, Data: []byte(c.data)}})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	squatter, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	_, text, _ := net.SplitHostPort(squatter.Addr().String())
	taken, _ := strconv.Atoi(text)

	s := state{Ports: map[string]int{"a": taken}}
	moved, err := s.choosePorts([]string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	if len(moved) != 1 || moved[0].listener != "a" || moved[0].from != taken || moved[0].to != s.Ports["a"] {
		t.Errorf("moved %v", moved)
	}
	var chosen []int
	for _, port := range s.Ports {
		if port < firstPort || port > lastPort || slices.Contains(chosen, port) {
			t.Errorf("chosen ports %v", s.Ports)
		}
		chosen = append(chosen, port)
	}
	if moved, err := s.choosePorts([]string{"a", "b", "c"}); err != nil || len(moved) != 0 {
		t.Errorf("free ports moved: %v, %v", moved, err)
	}
}

func TestLogFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "etcd.log")
	if err := os.WriteFile(path, []byte("an earlier run\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := openLog(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := tail(path+".1", 5); got != "an earlier run" {
		t.Errorf("the earlier run's log holds %q", got)
	}
	for line := range 50 {
		fmt.Fprintf(log, "line %d\n", line)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + ".1"} {
		if info, err := os.Stat(file); err != nil || info.Size() > 100 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	if got := tail(path, 1); got != "line 49" {
		t.Errorf("tail is %q", got)
	}
}

// TestLockOfAKilledProcess waits for children that still hold the lock of a
// supervisor that is gone.
func TestLockOfAKilledProcess(t *testing.T) {
	t.Parallel()
	l := layout(t.TempDir())
	taken, err := acquireLock(t.Context(), l, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.own.Close(); err != nil { // as when the supervisor alone is gone
		t.Fatal(err)
	}
	acquired := make(chan error, 1)
	go func() {
		file, err := acquireLock(context.Background(), l, clock.RealClock{})
		if err == nil {
			err = file.Close()
		}
		acquired <- err
	}()
	select {
	case err := <-acquired:
		t.Fatalf("did not wait: %v", err)
	case <-clock.RealClock{}.After(2 * lockGlance):
	}
	taken.shared.Close()
	if err := <-acquired; err != nil {
		t.Error(err)
	}
}

func TestFirstFailureOfAHealthReport(t *testing.T) {
	t.Parallel()
	for report, want := range map[string]string{
		"": "500 Internal Server Error",
		"[+]ping ok\n[-]etcd failed: reason withheld\n[-]log failed\n": "500 Internal Server Error: [-]etcd failed: reason withheld",
	} {
		response := &http.Response{Status: "500 Internal Server Error", Body: io.NopCloser(strings.NewReader(report))}
		if got := firstFailure(response); got != want {
			t.Errorf("of %q: %q, want %q", report, got, want)
		}
	}
}

func TestCorruptionIn(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"level":"panic","msg":"failed to read WAL, cannot be repaired","error":"wal: crc mismatch"}`:    true,
		`panic: freepages: failed to get all reachable pages (page 12: multiple references)`:              true,
		`{"level":"fatal","msg":"listen tcp 127.0.0.1:2379: bind: address already in use"}`:               false,
		`{"level":"warn","msg":"apply request took too long","took":"120ms","expected-duration":"100ms"}`: false,
	} {
		if got := corruptionIn("noise\n"+line+"\n") != ""; got != want {
			t.Errorf("corruption in %s: %t, want %t", line, got, want)
		}
	}
	said := corruptionIn(`{"level":"error","msg":"bootstrap failed","error":"walpb: crc mismatch","stacktrace":"etcd"}`)
	if want := "bootstrap failed: walpb: crc mismatch"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
	var damage error = &DamagedError{Err: os.ErrNotExist}
	if !errors.Is(damage, os.ErrNotExist) {
		t.Error("damage hides its cause")
	}
}
