package gateways_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/app/serving"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const edge = "edge"

// TestProcesses has a server that leads and two processes that only serve, each
// with the rights that an installation gives it: they serve with a certificate that
// they alone may read, share a rate, and go on when one of them ends.
func TestProcesses(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	gates := map[string]bool{gateways.Gate: true}
	apptest.Install(t, env.Admin, gates)
	_, stopLeader := apptest.Start(t, apptest.Options(t.TempDir(), env.As(t, identity.Roadbed, identity.RoadbedGroups()...), gates))
	port := freeport.Draw(t).Port()
	roots := published(t, env, port)
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host}}}
	t.Cleanup(web.CloseIdleConnections)

	var places []string
	var stop []func()
	for _, address := range []string{"127.0.0.2", "127.0.0.3"} {
		stop = append(stop, process(t, env, netip.MustParseAddr(address)))
		places = append(places, net.JoinHostPort(address, strconv.FormatUint(uint64(port), 10)))
	}
	for _, place := range places {
		kubetest.Eventually(t, patience, place+" serves", func() error { return served(t, web, place, "/free") })
	}
	t.Run("one rate", func(t *testing.T) { shares(t, web, places) })
	t.Run("Secrets", func(t *testing.T) { narrow(t, env) })
	stop[0]()
	for range 50 {
		if err := served(t, web, places[1], "/free"); err != nil {
			t.Fatalf("the other process ended: %v", err)
		}
	}
	if err := served(t, web, places[0], "/free"); err == nil {
		t.Error("the process that ended serves")
	}
	stopLeader()
	t.Run("no leader", func(t *testing.T) { leaderless(t, web, places[1]) })
}

// leaderless wants each policy to hold as it says while nobody leads.
func leaderless(t *testing.T, web *http.Client, place string) {
	passed := map[string]int{}
	for path, refused := range map[string]int{"/closed": http.StatusServiceUnavailable, "/local": http.StatusTooManyRequests} {
		for range 2 * rate {
			status, err := ask(t, web, place, path)
			switch {
			case err != nil:
				t.Fatal(err)
			case status == http.StatusFound:
				passed[path]++
			case status != refused:
				t.Fatalf("%s: status %d, want %d", path, status, refused)
			}
		}
	}
	if passed["/closed"] != 0 || passed["/local"] == 0 || passed["/local"] > rate {
		t.Errorf("%v passed, want none where the policy is Closed, and a share of %d where it is Local", passed, rate)
	}
}

const host = "edge.corp.example"

// process serves Gateways until the returned function is called.
func process(t *testing.T, env *kubetest.Env, address netip.Addr) (stop func()) {
	t.Helper()
	ready := make(chan struct{})
	opts := app.GatewayOptions{
		Config: env.As(t, leases.User, identity.RoadbedGroups()...), Addr: address, PrivilegedPorts: true,
		GatewayTuning: app.GatewayTuning{Public: "127.0.0.1"}, Log: apptest.Log(),
		Ready: func(app.Endpoints) { close(ready) },
	}
	stop, ended := apptest.Until(t, func(ctx context.Context) error { return app.ServeGateway(ctx, opts) })
	select {
	case <-ready:
	case <-ended:
		t.Fatal("the process ended")
	case <-time.After(apptest.Patience):
		t.Fatal("the process is not ready")
	}
	return stop
}

// published makes a Gateway with a certificate, a route that needs no backend, and
// one of the same with a rate. It returns whom to trust.
func published(t *testing.T, env *kubetest.Env, port uint16) *x509.CertPool {
	t.Helper()
	made, err := serving.Issue(time.Now(), time.Hour, host)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made.Authority)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: edge, Name: name} }
	secret := func(name string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: in(name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": made.Cert, "tls.key": made.Key}}
	}
	redirect := func(path string, filters ...gatewayv1.HTTPRouteFilter) gatewayv1.HTTPRouteRule {
		return gatewayv1.HTTPRouteRule{
			Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchPathPrefix), Value: new(path)}}},
			Filters: append(filters, gatewayv1.HTTPRouteFilter{
				Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{Path: &gatewayv1.HTTPPathModifier{
					Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: new("/there"),
				}},
			}),
		}
	}
	limited := func(policy string) gatewayv1.HTTPRouteFilter {
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterExtensionRef, ExtensionRef: &gatewayv1.LocalObjectReference{
			Group: gatewayv1.Group(v1alpha1.GroupVersion.Group), Kind: "RateLimitPolicy", Name: gatewayv1.ObjectName(policy),
		}}
	}
	hourly := func(name, failure string) *v1alpha1.RateLimitPolicy {
		return &v1alpha1.RateLimitPolicy{ObjectMeta: in(name), Spec: v1alpha1.RateLimitPolicySpec{
			Requests: rate, Unit: v1alpha1.UnitHour, Scope: "Gateway", FailureMode: failure,
		}}
	}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: edge}}, secret("shown"), secret("hidden"),
		hourly("limited", "Closed"), hourly("closed", "Closed"), hourly("local", "Local"),
		&gatewayv1.Gateway{ObjectMeta: in("edge"), Spec: gatewayv1.GatewaySpec{GatewayClassName: "roadbed", Listeners: []gatewayv1.Listener{{
			Name: "https", Port: gatewayv1.PortNumber(port), Protocol: gatewayv1.HTTPSProtocolType,
			TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "shown"}}},
		}}}},
		&gatewayv1.HTTPRoute{ObjectMeta: in("edge"), Spec: gatewayv1.HTTPRouteSpec{
			CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: "edge"}}},
			Rules: []gatewayv1.HTTPRouteRule{
				redirect("/free"), redirect("/limited", limited("limited")), redirect("/closed", limited("closed")), redirect("/local", limited("local")),
			},
		}},
	} {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return roots
}

// rate is how many requests all processes together let pass in an hour.
const rate = 40

// shares asks both processes in turn, for more than there is. What the leader
// grants and cannot say in time is lost, one at most for each request that is
// answered without it.
func shares(t *testing.T, web *http.Client, places []string) {
	passed, unanswered := 0, 0
	for i := range 4 * rate {
		kubetest.Eventually(t, patience, "the leader answers", func() error {
			status, err := ask(t, web, places[i%len(places)], "/limited")
			switch {
			case err != nil:
				return err
			case status == http.StatusFound:
				passed++
			case status == http.StatusServiceUnavailable:
				unanswered++
				return fmt.Errorf("status %d", status)
			case status != http.StatusTooManyRequests:
				return fmt.Errorf("status %d", status)
			}
			return nil
		})
	}
	if passed > rate || passed < rate-unanswered {
		t.Errorf("%d requests passed two processes, want %d, of which %d may be lost", passed, rate, unanswered)
	}
}

// narrow wants both who lead and who serve to read the Secret that is referred to,
// and no other.
func narrow(t *testing.T, env *kubetest.Env) {
	for _, user := range []string{identity.Roadbed, leases.User} {
		for secret, want := range map[string]bool{"shown": true, "hidden": false, "": false} {
			for _, verb := range []string{"get", "list", "watch"} {
				review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
					User: user, Groups: identity.RoadbedGroups(),
					ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: edge, Verb: verb, Resource: "secrets", Name: secret},
				}}
				if err := env.Client.Create(t.Context(), review); err != nil {
					t.Fatal(err)
				}
				if review.Status.Allowed != want {
					t.Errorf("%s may %s Secret %q: %v, want %v", user, verb, secret, review.Status.Allowed, want)
				}
			}
		}
	}
	own, err := client.New(env.As(t, identity.Roadbed, identity.RoadbedGroups()...), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	forged := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: edge, Name: "forged"}}
	if err := own.Create(t.Context(), forged); err == nil {
		t.Error("Roadbed makes a Secret that is no Subscription's")
	}
	role := client.RawPatch(types.ApplyPatchType, []byte(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role",`+
		`"metadata":{"name":"roadbed:gateway-reads","namespace":"edge"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]}`))
	wide := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"}, ObjectMeta: metav1.ObjectMeta{Namespace: edge, Name: "roadbed:gateway-reads"}}
	if err := own.Patch(t.Context(), wide, role, client.FieldOwner("test"), client.ForceOwnership); err == nil {
		t.Error("Roadbed gives itself all Secrets of a namespace")
	}
}

// served wants a redirection.
func served(t *testing.T, web *http.Client, place, path string) error {
	t.Helper()
	status, err := ask(t, web, place, path)
	if err == nil && status != http.StatusFound {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

func ask(t *testing.T, web *http.Client, place, path string) (int, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+place+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Host = host
	response, err := web.Transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}
