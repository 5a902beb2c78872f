package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/uninstall"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestReportServer: two copies, with the rights that the installation gives them
// and no others, share a certificate that the API server is told to trust.
func TestReportServer(t *testing.T) {
	t.Parallel()
	where := postgrestest.Start(t)
	env := kubetest.Private(t)
	install := app.InstallOptions{Config: env.Admin, Deployment: true, DatabaseSecret: "history", Log: testLog()}
	if err := app.Install(t.Context(), install); err != nil {
		t.Fatal(err)
	}
	token := readersToken(t, env)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		address, health := freeAddress(t), freeAddress(t)
		done := make(chan error, 1)
		go func() {
			done <- app.ServeReports(ctx, app.ReportOptions{
				Config:   env.As(t, "system:serviceaccount:"+identity.SystemNamespace+":"+reportapi.ServiceName, identity.RoadbedGroups()...),
				Database: where, Addr: address, HealthAddr: health, Log: testLog(), Clock: clock.RealClock{},
			})
		}()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("a copy ended with %v", err)
			}
		})
		kubetest.Eventually(t, patience, "a copy is ready", func() error {
			_, err := get("http://" + health + "/readyz")
			return err
		})
		if body := askCopy(t, env, address, token); !strings.Contains(body, `"kind":"PolicyReportList"`) {
			t.Errorf("a copy answers %s", body)
		}
	}
	plan, err := uninstall.Look(t.Context(), uninstall.Options{Config: env.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Stop) == 0 || plan.Stop[0].GVK.Kind != "APIService" {
		t.Errorf("an uninstallation would begin with %v, want the APIServices", plan.Stop)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// readersToken is a token of Roadbed's account, which may read reports.
func readersToken(t *testing.T, env *kubetest.Env) string {
	t.Helper()
	direct, err := kubernetes.NewForConfig(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	made, err := direct.CoreV1().ServiceAccounts(identity.SystemNamespace).CreateToken(t.Context(), "roadbed", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Status.Token
}

// askCopy lists reports of one copy, whom it trusts as the API server does.
func askCopy(t *testing.T, env *kubetest.Env, address, token string) string {
	t.Helper()
	scheme, err := app.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(env.Admin, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	var registration apiregistrationv1.APIService
	if err := c.Get(t.Context(), client.ObjectKey{Name: "v1alpha2.wgpolicyk8s.io"}, &registration); err != nil {
		t.Fatal(err)
	}
	var service corev1.Service
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: identity.SystemNamespace, Name: reportapi.ServiceName}, &service); err != nil || service.Spec.Type != corev1.ServiceTypeClusterIP {
		t.Fatalf("Service %+v, %v", service.Spec, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(registration.Spec.CABundle) {
		t.Fatal("the API server is told to trust nobody")
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: reportapi.Host, MinVersion: tls.VersionTLS12}}}
	defer web.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://%s/apis/wgpolicyk8s.io/v1alpha2/policyreports", address), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
