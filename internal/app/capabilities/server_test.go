package capabilities

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/platformapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestServerInCluster: who trusts the authority that is published, and asks for the
// Service, is served over TLS; an answer is the same after another copy has begun.
func TestServerInCluster(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}}
	if err := client.IgnoreAlreadyExists(env.Client.Create(t.Context(), namespace)); err != nil {
		t.Fatal(err)
	}
	direct, err := kubernetes.NewForConfig(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		at := serve(t, direct)
		published, err := direct.CoreV1().ConfigMaps(identity.SystemNamespace).Get(t.Context(), authorities, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(published.Data["ca.crt"]))
		web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: serviceHost, MinVersion: tls.VersionTLS12}}}
		response, err := web.Get("https://" + at + "/docs")
		if err != nil {
			t.Fatal(err)
		}
		web.CloseIdleConnections()
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%d, %v", response.StatusCode, err)
		}
	}
}

// nothing is a catalogue without anything.
type nothing struct{}

func (nothing) Capabilities(context.Context) ([]*v1alpha1.Capability, error) { return nil, nil }
func (nothing) Namespaces(context.Context, string) ([]string, error)         { return nil, nil }
func (nothing) Tenant(context.Context, string) (*tenancyv1.Tenant, error)    { return nil, nil }

// serve runs a server that has nothing to offer, until the test ends.
func serve(t *testing.T, direct kubernetes.Interface) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	handler := platformapi.New(authenticator{}, nothing{}, nil, platformapi.Documents{}, nil, log)
	s := &server{Platform: Platform{Listener: listener, Cluster: true}, handler: handler, direct: direct, clock: clock.RealClock{}, log: log}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	kubetest.Eventually(t, time.Minute, "it has a certificate", func() error {
		if s.current.Load() == nil {
			return net.ErrClosed
		}
		return nil
	})
	return listener.Addr().String()
}
