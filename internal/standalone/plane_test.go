package standalone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// recoverLimit is how long a killed component may take to be back, on a busy
// machine.
const recoverLimit = 2 * time.Minute

// running is a plane in the middle of its life, as the subtests of TestPlane
// see it.
type running struct {
	plane  *standalone.Plane
	client kubernetes.Interface
	events *eventLog
}

// eventLog collects what a plane reports.
type eventLog struct {
	mu     sync.Mutex // guards events
	events []standalone.Event
}

func (l *eventLog) hear(e standalone.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventLog) of(kind standalone.EventKind) []standalone.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.events), func(e standalone.Event) bool { return e.Kind != kind })
}

// start starts a plane on dir; the test stops it, at the latest at its end.
func start(t *testing.T, dir string, options ...kubetest.Option) running {
	t.Helper()
	r := running{events: &eventLog{}}
	options = append([]kubetest.Option{kubetest.WithDataDir(dir), kubetest.WithEvents(r.events.hear)}, options...)
	var err error
	if r.plane, err = kubetest.StartPlane(t.Context(), options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t) })
	if r.client, err = kubernetes.NewForConfig(r.plane.AdminConfig()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r running) stop(t *testing.T) {
	t.Helper()
	if err := r.plane.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

const guard = `
# Nobody makes a ConfigMap of this name, not even a cluster administrator.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: test-guard.static.k8s.io}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}
  validations:
    - {expression: "object.metadata.name != 'forbidden'", message: refused by a static manifest}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: test-guard.static.k8s.io}
spec: {policyName: test-guard.static.k8s.io, validationActions: [Deny]}
`

// TestPlane follows one data directory through its life: each subtest needs
// what the ones before it left.
func TestPlane(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir, kubetest.WithNodes(1),
		kubetest.WithAdmission(standalone.Manifest{Name: "guard.yaml", Data: []byte(guard)}))

	t.Run("kubectl understands the version", func(t *testing.T) { checkVersion(t, first) })
	t.Run("listens on loopback only", func(t *testing.T) { checkLoopback(t, dir) })
	t.Run("strangers see health only", func(t *testing.T) { checkAnonymous(t, first) })
	t.Run("cluster users cannot open etcd", func(t *testing.T) { checkEtcdClosed(t, dir, first) })
	t.Run("a static manifest binds the administrator", func(t *testing.T) { checkGuard(t, first) })
	t.Run("secrets are encrypted on disk", func(t *testing.T) { checkEncryption(t, dir, first) })
	t.Run("writes are audited, reads are not", func(t *testing.T) { checkAudit(t, dir) })
	t.Run("files are the owner's alone", func(t *testing.T) { checkModes(t, dir) })
	t.Run("a second instance is refused", func(t *testing.T) { checkSecondInstance(t, dir) })
	t.Run("other processes can inspect it", func(t *testing.T) { checkInspect(t, dir, first) })
	t.Run("a killed child comes back", func(t *testing.T) { checkKilledChildren(t, first) })

	first.stop(t)
	second := checkRestart(t, dir, first)
	second.stop(t)
	t.Run("a log that was cut is named", func(t *testing.T) { checkCutLog(t, dir) })
	t.Run("a damaged database is named", func(t *testing.T) { checkDamagedDatabase(t, dir) })
	t.Run("reset erases it", func(t *testing.T) { checkErase(t, dir) })
}

func checkVersion(t *testing.T, r running) {
	binary, err := kubetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary, "kubectl", "--kubeconfig", r.plane.KubeconfigFile(), "version", "--output=json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var versions map[string]struct{ GitVersion string }
	if err := json.Unmarshal(out, &versionsOnly{&versions}); err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"clientVersion", "serverVersion"} {
		if got := versions[side].GitVersion; got != "v1.37.2" {
			t.Errorf("%s is %q, want v1.37.2", side, got)
		}
	}
}

// versionsOnly skips what `kubectl version` prints beside versions.
type versionsOnly struct {
	into *map[string]struct{ GitVersion string }
}

func (v *versionsOnly) UnmarshalJSON(content []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(content, &raw); err != nil {
		return err
	}
	delete(raw, "kustomizeVersion")
	rest, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	return json.Unmarshal(rest, v.into)
}

// ports returns every port in the state file.
func ports(t *testing.T, dir string) map[string]int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Ports map[string]int }
	if err := json.Unmarshal(content, &state); err != nil {
		t.Fatal(err)
	}
	return state.Ports
}

// checkLoopback asks on another address of this machine: a listener on all
// addresses would answer there. The positive control is 127.0.0.1.
func checkLoopback(t *testing.T, dir string) {
	listening := ports(t, dir)
	if len(listening) != 5 {
		t.Fatalf("ports of %d listeners, want 5: %v", len(listening), listening)
	}
	for listener, port := range listening {
		if err := dial("127.0.0.1", port); err != nil {
			t.Errorf("%s does not listen: %v", listener, err)
		}
		for _, other := range otherAddresses(t) {
			if dial(other, port) == nil {
				t.Errorf("%s listens on %s", listener, other)
			}
		}
	}
}

func dial(host string, port int) error {
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}

func otherAddresses(t *testing.T) []string {
	t.Helper()
	found := []string{"127.0.0.2", "::1"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() && !network.IP.IsLinkLocalUnicast() {
			found = append(found, network.IP.String())
		}
	}
	return found
}

func checkAnonymous(t *testing.T, r running) {
	config := rest.AnonymousClientConfig(r.plane.AdminConfig())
	stranger, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/readyz":  http.StatusOK,
		"/livez":   http.StatusOK,
		"/version": http.StatusUnauthorized,
		"/api":     http.StatusUnauthorized,
		"/metrics": http.StatusUnauthorized,
	} {
		response, err := stranger.Get(r.plane.Server() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s without credentials: %s, want %d", path, response.Status, want)
		}
	}
}

func checkEtcdClosed(t *testing.T, dir string, r running) {
	config := r.plane.AdminConfig()
	config.CAData, config.Insecure = nil, true
	intruder, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, listener := range []string{"etcd", "etcd-peer"} {
		response, err := intruder.Get(fmt.Sprintf("https://127.0.0.1:%d/health", ports(t, dir)[listener]))
		if err == nil {
			response.Body.Close()
			t.Errorf("%s answers an administrator of the cluster: %s", listener, response.Status)
		}
	}
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault}}
}

func checkGuard(t *testing.T, r running) {
	maps := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault)
	_, err := maps.Create(t.Context(), configMap("forbidden"), metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "refused by a static manifest") {
		t.Errorf("the administrator makes what the guard forbids: %v", err)
	}
	if _, err := maps.Create(t.Context(), configMap("survivor"), metav1.CreateOptions{}); err != nil {
		t.Errorf("the guard forbids too much: %v", err)
	}
	policies := r.client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	if err := policies.Delete(t.Context(), "test-guard.static.k8s.io", metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the guard can be reached through the API: %v", err)
	}
}

func checkEncryption(t *testing.T, dir string, r running) {
	const plain = "correct horse battery staple"
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "secret"}, StringData: map[string]string{"phrase": plain}}
	if _, err := r.client.CoreV1().Secrets(metav1.NamespaceDefault).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	open := configMap("open")
	open.Data = map[string]string{"phrase": "legible " + "on disk"}
	if _, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(t.Context(), open, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if !onDisk(t, dir, "legible on disk") {
		t.Error("the search does not find what is not encrypted")
	}
	if onDisk(t, dir, plain) {
		t.Error("a Secret is legible in etcd's files")
	}
}

func onDisk(t *testing.T, dir, phrase string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(dir, "etcd"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(phrase))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func checkAudit(t *testing.T, dir string) {
	content, err := os.ReadFile(filepath.Join(dir, "logs", "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	var written, read bool
	for line := range bytes.Lines(content) {
		var event struct {
			Verb      string
			User      struct{ Username string }
			ObjectRef struct{ Resource, Name string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("audit line %q: %v", line, err)
		}
		isMap := event.ObjectRef.Resource == "configmaps"
		written = written || isMap && event.Verb == "create" && event.ObjectRef.Name == "survivor" && event.User.Username == standalone.AdminUser
		read = read || isMap && event.Verb == "list"
	}
	if !written || read {
		t.Errorf("create audited: %t, want true; list audited: %t, want false", written, read)
	}
	if bytes.Contains(content, []byte("correct horse")) {
		t.Error("the audit log holds a Secret's value")
	}
}

func checkModes(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func checkSecondInstance(t *testing.T, dir string) {
	_, err := kubetest.StartPlane(t.Context(), kubetest.WithDataDir(dir))
	var locked *standalone.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || !strings.Contains(err.Error(), dir) {
		t.Errorf("second start: %v, want a LockedError that names %s and process %d", err, dir, os.Getpid())
	}
	if err := standalone.Erase(dir); !errors.As(err, &locked) {
		t.Errorf("erase of a running plane: %v, want a LockedError", err)
	}
}

func checkInspect(t *testing.T, dir string, r running) {
	status, alive, err := standalone.Inspect(dir)
	if err != nil || !alive || !status.Ready {
		t.Fatalf("Inspect: alive %t, ready %t, %v", alive, status.Ready, err)
	}
	if got, want := len(status.Children), len(r.plane.Status().Children); got != want || want != 5 {
		t.Errorf("Inspect shows %d children, the plane %d, want 5", got, want)
	}
}

func pid(r running, child string) int {
	for _, c := range r.plane.Status().Children {
		if c.Name == child && c.Ready {
			return c.PID
		}
	}
	return 0
}

// checkKilledChildren kills all components at once, and then the most awkward
// one alone.
func checkKilledChildren(t *testing.T, r running) {
	before := r.plane.Status()
	for _, child := range before.Children {
		if err := syscall.Kill(child.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, child := range before.Children {
		kubetest.Eventually(t, recoverLimit, child.Name+" is back", func() error {
			if now := pid(r, child.Name); now == 0 || now == child.PID {
				return fmt.Errorf("process %d, was %d", now, child.PID)
			}
			return nil
		})
	}
	// One that is back before those that it needs may have ended once more.
	now, exits := r.plane.Status().Children, map[string][]string{}
	for _, exit := range r.events.of(standalone.EventExited) {
		exits[exit.Child] = append(exits[exit.Child], exit.Err.Error())
	}
	for _, child := range now {
		told := exits[child.Name]
		if len(told) == 0 || !strings.Contains(told[0], "killed") || child.Restarts == 0 || !slices.Contains(told, child.LastExit) {
			t.Errorf("after a kill %s has %d restarts, its last exit was %q; reported were %q", child.Name, child.Restarts, child.LastExit, told)
		}
	}
	kubetest.Eventually(t, recoverLimit, "the API works again", func() error {
		_, err := r.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(t.Context(), "survivor", metav1.GetOptions{})
		return err
	})
}

// checkRestart starts the directory again while somebody else listens on one
// of its ports.
func checkRestart(t *testing.T, dir string, first running) running {
	t.Helper()
	before := ports(t, dir)
	squatter, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(before["etcd"])))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	second := start(t, dir)

	t.Run("state survives", func(t *testing.T) {
		if _, err := second.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(t.Context(), "survivor", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("ports are remembered, a taken one moves", func(t *testing.T) {
		after := ports(t, dir)
		if first.plane.Server() != second.plane.Server() || before["etcd-peer"] != after["etcd-peer"] || before["etcd"] == after["etcd"] {
			t.Errorf("ports before %v, after %v; only that of etcd was taken", before, after)
		}
		if moved := second.events.of(standalone.EventPortMoved); len(moved) != 1 || moved[0].Child != "etcd" {
			t.Errorf("reported moves: %v", moved)
		}
	})
	return second
}

// checkDamagedDatabase flips bytes in the write-ahead log of a stopped plane.
func checkDamagedDatabase(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "etcd", "member", "wal", "*.wal"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("write-ahead logs: %v, %v", logs, err)
	}
	intact, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(intact)
	for i := range 64 {
		damaged[4096+i] ^= 0xff
	}
	if err := os.WriteFile(logs[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	plane, err := kubetest.StartPlane(t.Context(), kubetest.WithDataDir(dir))
	if err == nil {
		t.Fatal("starts on a damaged database", plane.Stop(context.Background()))
	}
	var damage *standalone.DamagedError
	if !errors.As(err, &damage) || !strings.HasPrefix(damage.File, filepath.Join(dir, "etcd")) {
		t.Fatalf("start on a damaged database: %v, want a DamagedError that names etcd's folder or a file in it", err)
	}
	// Whether etcd finds it or we do depends on what the bytes were of.
	for _, want := range []string{dir, damage.Log, "roadbed reset --yes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if after, err := os.ReadFile(logs[0]); err != nil || !bytes.Equal(after, damaged) {
		t.Errorf("the damaged file was touched (%v)", err)
	}
}

func checkErase(t *testing.T, dir string) {
	if err := standalone.Erase(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Erase: %v", err)
	}
	if err := standalone.Erase(t.TempDir()); err == nil {
		t.Error("erases a directory that no plane made")
	}
}
