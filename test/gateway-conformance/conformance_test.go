package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1alpha2 "sigs.k8s.io/gateway-api/apis/v1alpha2"
	gatewayv1alpha3 "sigs.k8s.io/gateway-api/apis/v1alpha3"
	xv1alpha1 "sigs.k8s.io/gateway-api/apisx/v1alpha1"
	official "sigs.k8s.io/gateway-api/conformance"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	conformanceconfig "sigs.k8s.io/gateway-api/conformance/utils/config"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/config"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// reportVariable names the folder that the report is written to, as report.yaml and,
// for people, summary.txt.
const reportVariable = "ROADBED_CONFORMANCE_REPORT"

// runVariable names one test of the suite to run alone.
const runVariable = "ROADBED_CONFORMANCE_RUN"

// addresses are those that Gateways can have.
func addresses() []translate.Address {
	var all []translate.Address
	for i := 1; i <= 250; i++ {
		all = append(all, translate.Address{Bind: netip.AddrFrom4([4]byte{127, 0, 53, byte(i)})})
	}
	return all
}

func TestConformance(t *testing.T) {
	env := kubetest.Private(t, kubetest.WithNodes(1))
	scheme(t, env)
	install(t, env)
	clientset, err := kubernetes.NewForConfig(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &kubelet{
		binary: buildEcho(t), dir: t.TempDir(), clientset: clientset, ctx: ctx,
		running: map[string]*echo{}, at: map[string]string{},
	}
	plane := newDataPlane(k.dial, ownFront(t))
	mgr := start(ctx, t, env, plane)
	k.follow(ctx, t)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended with: %v", err)
		}
		k.stop()
		plane.stop()
	})
	kubetest.Eventually(t, time.Minute, "the GatewayClass says what it supports", func() error {
		class := &gatewayv1.GatewayClass{}
		if err := env.Client.Get(t.Context(), client.ObjectKey{Name: "roadbed"}, class); err != nil {
			return err
		}
		if len(class.Status.SupportedFeatures) == 0 {
			return errors.New("it lists no features")
		}
		return nil
	})
	judged := rest.CopyConfig(env.Admin)
	judged.Wrap(func(way http.RoundTripper) http.RoundTripper { return withLogs{kubelet: k, rest: way} })
	if clientset, err = kubernetes.NewForConfig(judged); err != nil {
		t.Fatal(err)
	}
	run(t, env, clientset, judged)
}

func scheme(t *testing.T, env *kubetest.Env) {
	t.Helper()
	err := errors.Join(
		gatewayv1.Install(env.Scheme), gatewayv1alpha2.Install(env.Scheme), gatewayv1alpha3.Install(env.Scheme),
		xv1alpha1.Install(env.Scheme),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// install puts the definitions, the identity's rights and the system's namespace
// into the cluster.
func install(t *testing.T, env *kubetest.Env) {
	t.Helper()
	for _, files := range []fs.FS{config.CRDs, config.GatewayKinds} {
		err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(files, path)
			if err != nil {
				return err
			}
			definition := &apiextensionsv1.CustomResourceDefinition{}
			if err := yaml.Unmarshal(text, definition); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return env.Client.Create(t.Context(), definition)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	objects := append([]client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}}}, rbac.Objects()...)
	for _, object := range objects {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	kubetest.Eventually(t, time.Minute, "the definitions are served", func() error {
		return errors.Join(env.Client.List(t.Context(), &gatewayv1.HTTPRouteList{}), env.Client.List(t.Context(), &gatewayv1.ListenerSetList{}))
	})
}

// start sets the domain up with Roadbed's own rights and no others.
func start(ctx context.Context, t *testing.T, env *kubetest.Env, sink operator.Sink) manager.Manager {
	t.Helper()
	connection := rest.CopyConfig(env.As(t, identity.Roadbed, identity.RoadbedGroups()...))
	connection.QPS = -1
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("ROADBED_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	mgr, err := ctrl.NewManager(connection, manager.Options{
		Scheme: env.Scheme, Logger: logr.FromSlogHandler(log.Handler()),
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	host := &module.Host{
		Manager: mgr, Routes: http.NewServeMux(), Clock: clock.RealClock{},
		Liveness: steps.NewLiveness(clock.RealClock{}, steps.SilenceLimit), Log: log,
	}
	domain := operator.New(operator.Deps{Sink: sink, Addresses: addresses()})
	if err := domain.Setup(host); err != nil {
		t.Fatal(err)
	}
	return mgr
}

// run runs the suite and prints what came of it.
func run(t *testing.T, env *kubetest.Env, clientset kubernetes.Interface, connection *rest.Config) {
	t.Helper()
	ip := gatewayv1.IPAddressType
	timeouts := conformanceconfig.DefaultTimeoutConfig()
	timeouts.NamespacesMustBeReady = 90 * time.Second
	timeouts.GatewayMustHaveAddress, timeouts.GatewayMustHaveCondition = 30*time.Second, 30*time.Second
	timeouts.ListenerSetMustHaveCondition, timeouts.DefaultTestTimeout = 30*time.Second, 30*time.Second
	timeouts.GatewayStatusMustHaveListeners, timeouts.HTTPRouteMustHaveCondition = 30*time.Second, 30*time.Second
	tests, err := suite.NewConformanceTestSuite(suite.ConformanceOptions{
		Client: env.Client, ClientOptions: client.Options{Scheme: env.Scheme}, Clientset: clientset, RestConfig: connection, ManifestFS: []fs.FS{markedManifests{&official.Manifests}},
		ConfigurableOptions: suite.ConfigurableOptions{
			GatewayClassName: "roadbed", Mode: "default", TimeoutConfig: timeouts, CleanupTestResources: true,
			AllowCRDsMismatch: false, RunTest: os.Getenv(runVariable),
			ConformanceProfiles: []suite.ConformanceProfileName{suite.GatewayHTTPConformanceProfileName, suite.GatewayGRPCConformanceProfileName},
			Implementation: confv1.Implementation{
				Organization: "roadbed-dev", Project: "roadbed", URL: "https://github.com/roadbed-dev/roadbed",
				Version: "development", Contact: []string{"https://github.com/roadbed-dev/roadbed/issues"},
			},
			UsableNetworkAddresses:   []gatewayv1.GatewaySpecAddress{{Type: &ip, Value: "127.0.53.249"}},
			UnusableNetworkAddresses: []gatewayv1.GatewaySpecAddress{{Type: &ip, Value: "192.0.2.1"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests.Setup(t, officialTests())
	// Parallel tests of the suite end after this function: the report comes last.
	t.Cleanup(func() {
		report, err := tests.Report()
		if err != nil {
			t.Error(err)
			return
		}
		printReport(t, report)
	})
	if err := tests.Run(t, officialTests()); err != nil {
		t.Error(err)
	}
}

func printReport(t *testing.T, report *confv1.ConformanceReport) {
	t.Helper()
	text, err := yaml.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var summary strings.Builder
	for _, profile := range report.ProfileReports {
		core := profile.Core
		fmt.Fprintf(&summary, "%s: core %d/%d", profile.Name, core.Passed, core.Passed+core.Failed+core.Skipped)
		if extended := profile.Extended; extended != nil {
			fmt.Fprintf(&summary, ", extended %d/%d tests of %d features (without: %s)", extended.Passed,
				extended.Passed+extended.Failed+extended.Skipped, len(extended.SupportedFeatures), strings.Join(extended.UnsupportedFeatures, ", "))
			core.FailedTests = append(core.FailedTests, extended.FailedTests...)
		}
		fmt.Fprintf(&summary, "\n")
		for _, failed := range core.FailedTests {
			fmt.Fprintf(&summary, "  failed: %s\n", failed)
		}
	}
	fmt.Print(summary.String())
	dir := os.Getenv(reportVariable)
	if dir == "" {
		return
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "report.yaml"), text, 0o644),
		os.WriteFile(filepath.Join(dir, "summary.txt"), []byte(summary.String()), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
}
