package leases

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// tokenFor is how long tokens live; they are replaced when a fifth of it is left.
const tokenFor = time.Hour

var (
	errNoLeader = errors.New("no process leads the gateway now")
	errNoToken  = errors.New("the API server has not yet given this process a token for its leader")
)

// Process is one that has a leader: it knows where that is, and how to ask it.
type Process struct {
	client kubernetes.Interface
	clock  clock.WithTicker
	log    *slog.Logger

	leader atomic.Pointer[lead]
	token  atomic.Pointer[string]
	web    *http.Client
}

// lead is a leader and the connections to it.
type lead struct {
	address   string
	transport *http.Transport
}

// NewProcess returns a Process that has no leader before Start.
func NewProcess(client kubernetes.Interface, c clock.WithTicker, log *slog.Logger) *Process {
	p := &Process{client: client, clock: c, log: log}
	p.web = &http.Client{Transport: p}
	return p
}

// Leader is where the leader is, such as https://10.0.0.7:9444; empty while there
// is none.
func (p *Process) Leader() string {
	if at := p.leader.Load(); at != nil {
		return "https://" + at.address
	}
	return ""
}

// Client asks the leader: it trusts nobody else, and says who it is.
func (p *Process) Client() *http.Client { return p.web }

// RoundTrip asks the leader.
func (p *Process) RoundTrip(r *http.Request) (*http.Response, error) {
	at, token := p.leader.Load(), p.token.Load()
	switch {
	case at == nil || at.address != r.URL.Host:
		return nil, errNoLeader
	case token == nil:
		return nil, errNoToken
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+*token)
	return at.transport.RoundTrip(r)
}

// NeedLeaderElection says no: it is for those that do not lead.
func (*Process) NeedLeaderElection() bool { return false }

// Start follows the leader until the context ends.
func (p *Process) Start(ctx context.Context) error {
	source := toolscache.NewListWatchFromClient(p.client.CoreV1().RESTClient(), "configmaps", identity.SystemNamespace,
		fields.OneTermEqualSelector(metav1.ObjectNameField, ConfigMap))
	_, informer := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: source, ObjectType: &corev1.ConfigMap{}, Handler: toolscache.ResourceEventHandlerFuncs{
			AddFunc:    p.follow,
			UpdateFunc: func(_, object any) { p.follow(object) },
			DeleteFunc: func(any) { p.follow(nil) },
		},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		informer.RunWithContext(ctx)
	}()
	p.renew(ctx)
	<-done
	return nil
}

// follow takes over what the ConfigMap says.
func (p *Process) follow(object any) {
	next := leadOf(object)
	old := p.leader.Load()
	p.leader.Store(next)
	if old != nil {
		old.transport.CloseIdleConnections()
	}
	if next != nil {
		p.log.Info("the gateway's leader is known", "address", next.address)
	}
}

// leadOf is nil where nobody leads.
func leadOf(object any) *lead {
	place, ok := object.(*corev1.ConfigMap)
	if !ok || place.Data[keyAddress] == "" {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(place.Data[keyAuthority])) {
		return nil
	}
	return &lead{address: place.Data[keyAddress], transport: &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots},
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 2 * time.Second,
	}}
}

// renew sees that there is a token.
func (p *Process) renew(ctx context.Context) {
	for {
		pause, err := p.ask(ctx)
		if err != nil {
			pause = again
			if ctx.Err() == nil {
				p.log.WarnContext(ctx, "this process gets no token for its leader", "account", Account, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.clock.After(pause):
		}
	}
}

// ask gets a token, and says when the next one is due.
func (p *Process) ask(ctx context.Context) (time.Duration, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{Audience}, ExpirationSeconds: new(int64(tokenFor / time.Second)),
	}}
	made, err := p.client.CoreV1().ServiceAccounts(identity.SystemNamespace).CreateToken(ctx, Account, request, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("ask for a token: %w", err)
	}
	p.token.Store(&made.Status.Token)
	left := made.Status.ExpirationTimestamp.Sub(p.clock.Now())
	return max(left*4/5, again), nil
}
