package kubetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	capabilityv1alpha1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	gatewayv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// Environment variables that tests read.
const (
	// BinaryVariable is the path of a prebuilt roadbed-kube.
	BinaryVariable = "ROADBED_KUBE"
	// PlaneVariable is the data directory of a running plane to share.
	PlaneVariable = "ROADBED_KUBETEST"
)

// startLimit is how long a plane may take to be ready, on a busy machine.
const startLimit = 10 * time.Minute

// Env is an API server to test against.
type Env struct {
	// Admin may do everything.
	Admin *rest.Config
	// Client acts as the administrator, without a cache.
	Client client.Client
	// Scheme has Kubernetes' own kinds, CustomResourceDefinitions and Roadbed's.
	Scheme *runtime.Scheme
	// Plane is the plane behind it; nil when another process runs it.
	Plane *standalone.Plane

	access *standalone.Access
}

// Option changes the plane that Private starts.
type Option func(*standalone.Config)

// WithNodes gives the plane simulated nodes, on which pods reach Running.
func WithNodes(count int) Option {
	return func(c *standalone.Config) { c.Nodes = count }
}

// WithAdmission gives the plane static admission policies.
func WithAdmission(manifests ...standalone.Manifest) Option {
	return func(c *standalone.Config) { c.Admission = append(c.Admission, manifests...) }
}

// WithDataDir makes the plane use a directory that outlives it.
func WithDataDir(dir string) Option {
	return func(c *standalone.Config) { c.DataDir = dir }
}

// WithEvents lets the test hear what happens to the plane.
func WithEvents(hear func(standalone.Event)) Option {
	return func(c *standalone.Config) { c.Events = hear }
}

// shared is the plane of this process. It lives from the first Start to the
// end of Main.
var shared struct {
	once sync.Once
	env  *Env
	err  error
	stop func() error
}

// atExit are what Main calls before it stops the shared plane.
var atExit struct {
	mu    sync.Mutex
	calls []func() error // guarded by mu
}

// AtExit has Main call a function after the tests and before it stops the
// shared plane, the last one first: for what lives as long as the process, such
// as a manager that all tests share.
func AtExit(call func() error) {
	atExit.mu.Lock()
	defer atExit.mu.Unlock()
	atExit.calls = append(atExit.calls, call)
}

// Main runs the tests and stops the shared plane, if one was started. A
// package that calls Start has
//
//	func TestMain(m *testing.M) { kubetest.Main(m) }
func Main(m *testing.M) { os.Exit(max(m.Run(), cleanUp())) }

// cleanUp ends what lives as long as the process, and returns the exit code.
func cleanUp() (code int) {
	atExit.mu.Lock()
	defer atExit.mu.Unlock()
	for _, call := range slices.Backward(atExit.calls) {
		if err := call(); err != nil {
			fmt.Fprintln(os.Stderr, "kubetest:", err)
			code = 1
		}
	}
	if shared.stop == nil {
		return code
	}
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "kubetest: stop the shared plane:", err)
		return 1
	}
	return code
}

// Start returns the shared API server, and starts it when this is the first
// call. It has simulated nodes.
func Start(t testing.TB) *Env {
	t.Helper()
	shared.once.Do(func() { shared.env, shared.err = startShared() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

func startShared() (*Env, error) {
	if dir := os.Getenv(PlaneVariable); dir != "" {
		return connect(dir)
	}
	env, stop, err := startLasting(WithNodes(2))
	shared.stop = stop
	return env, err
}

// startLasting starts a plane in a directory of its own; stop ends it and
// removes the directory.
func startLasting(options ...Option) (env *Env, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "roadbed-kubetest-")
	if err != nil {
		return nil, nil, fmt.Errorf("make data directory: %w", err)
	}
	plane, err := StartPlane(context.Background(), append([]Option{WithDataDir(dir)}, options...)...)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	env, err = newEnv(plane.AdminConfig(), plane.Access, plane)
	return env, func() error {
		return errors.Join(plane.Stop(context.Background()), os.RemoveAll(dir))
	}, err
}

// connect uses the plane that another process runs.
func connect(dir string) (*Env, error) {
	access, err := standalone.OpenAccess(dir, clock.RealClock{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", PlaneVariable, err)
	}
	admin, err := access.ClientConfig(standalone.AdminUser, standalone.AdminGroup)
	if err != nil {
		return nil, err
	}
	return newEnv(admin, access, nil)
}

// Private starts a plane for this test alone and stops it afterwards.
func Private(t testing.TB, options ...Option) *Env {
	t.Helper()
	plane, err := StartPlane(t.Context(), append([]Option{WithDataDir(t.TempDir())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(context.Background()); err != nil {
			t.Errorf("stop the plane: %v", err)
		}
	})
	env, err := newEnv(plane.AdminConfig(), plane.Access, plane)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// Lasting starts a plane that ends with the package's tests and not with t: for
// packages whose tests share objects that would be in the way of others, as
// webhooks are.
func Lasting(t testing.TB, options ...Option) *Env {
	t.Helper()
	env, stop, err := startLasting(options...)
	if stop != nil {
		AtExit(stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// StartPlane starts an ephemeral plane that the caller stops. Tests want Start,
// Private or Lasting.
func StartPlane(ctx context.Context, options ...Option) (*standalone.Plane, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	config := standalone.Config{Binary: binary, Ephemeral: true}
	for _, option := range options {
		option(&config)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return standalone.Start(ctx, config)
}

func newEnv(admin *rest.Config, access *standalone.Access, plane *standalone.Plane) (*Env, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	direct, err := client.New(admin, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &Env{Admin: admin, Client: direct, Scheme: scheme, Plane: plane, access: access}, nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(
		clientgoscheme.AddToScheme(scheme),
		apiextensionsv1.AddToScheme(scheme),
		tenancyv1alpha1.AddToScheme(scheme),
		gatewayv1alpha1.AddToScheme(scheme),
		gatewayapi.Install(scheme),
		policiesv1.AddToScheme(scheme),
		kyvernov1.AddToScheme(scheme),
		policyv1alpha1.AddToScheme(scheme),
		capabilityv1alpha1.AddToScheme(scheme),
	)
	if err != nil {
		return nil, fmt.Errorf("make scheme: %w", err)
	}
	return scheme, nil
}

// As returns a client configuration that acts as the user, by a client
// certificate.
func (e *Env) As(t testing.TB, user string, groups ...string) *rest.Config {
	t.Helper()
	config, err := e.access.ClientConfig(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// ClientAs returns a client that acts as the user.
func (e *Env) ClientAs(t testing.TB, user string, groups ...string) client.Client {
	t.Helper()
	direct, err := client.New(e.As(t, user, groups...), client.Options{Scheme: e.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return direct
}

// Kubeconfig writes a kubeconfig file that acts as the user, and returns its
// path.
func (e *Env) Kubeconfig(t testing.TB, user string, groups ...string) string {
	t.Helper()
	content, err := e.access.Kubeconfig(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pause is how long tests wait until they look again.
const pause = 25 * time.Millisecond

// giveUp is how much longer than it should anything may take, however busy the
// machine is.
const giveUp = 5 * time.Minute

// Eventually calls check until it succeeds, and fails the test when it has not
// within a time: what says what was awaited. Of the time only the pauses between
// checks count: not that for which a busy machine has the test or the API server
// wait, and which tells nothing of what is awaited.
func Eventually(t testing.TB, timeout time.Duration, what string, check func() error) {
	t.Helper()
	began := time.Now()
	for waited := time.Duration(0); ; waited += pause {
		err := check()
		if err == nil {
			return
		}
		if took := time.Since(began); waited >= timeout || took > timeout+giveUp {
			t.Fatalf("%s: not after %v, in %v: %v", what, timeout, took.Round(time.Millisecond), err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: the test ended: %v", what, err)
		case <-time.After(pause):
		}
	}
}
