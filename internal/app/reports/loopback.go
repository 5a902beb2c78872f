package reports

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// Issue makes a serving certificate for a host, and returns the PEM certificate
// of its authority with it.
type Issue func(host string) (authority []byte, pair tls.Certificate, err error)

// Loopback serves reports to an API server on this machine, for as long as this
// copy of the program works. All fields are required.
type Loopback struct {
	// On is false where nothing is served: it then takes back what an earlier run
	// left registered, which would keep namespaces from ending.
	On bool
	// Client writes without a cache, with the scheme of apiregistration.k8s.io/v1.
	Client client.Client
	// Direct asks the API server who may do what.
	Direct kubernetes.Interface
	Store  reportapi.Store
	Issue  Issue
	Clock  clock.WithTicker
	Log    *slog.Logger
}

var _ manager.LeaderElectionRunnable = (*Loopback)(nil)

// Times of serving and withdrawing.
const (
	retry    = 10 * time.Second
	farewell = 5 * time.Second
)

// NeedLeaderElection says yes: the API server is led to the copy that works.
func (l *Loopback) NeedLeaderElection() bool { return true }

// Start serves until the context ends. What goes wrong is logged and tried
// again: the platform works without reports.
func (l *Loopback) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		err := l.once(ctx)
		if err == nil {
			return nil
		}
		l.Log.WarnContext(ctx, "policy reports are not served", "error", err)
		select {
		case <-ctx.Done():
		case <-l.Clock.After(retry):
		}
	}
	return nil
}

// once serves until the context ends or something goes wrong.
func (l *Loopback) once(ctx context.Context) error {
	if !l.On {
		return reportapi.Withdraw(ctx, l.Client)
	}
	server, err := reportapi.New(ctx, reportapi.Deps{Client: l.Direct, Store: l.Store, Clock: l.Clock, Log: l.Log})
	if err != nil {
		return err
	}
	authority, pair, err := l.Issue(reportapi.Host)
	if err != nil {
		return fmt.Errorf("make the certificate of reports: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for reports: %w", err)
	}
	// The server outlives the context until nobody is led to it any more.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(serving, listener, func() *tls.Certificate { return &pair }) }()
	err = l.register(ctx, reportapi.Registration{Client: l.Client, Authority: authority, LoopbackPort: portOf(listener)})
	err = errors.Join(err, l.withdraw(ctx))
	stop()
	return errors.Join(err, <-ended)
}

// register leads the API server here, and waits for the end.
func (l *Loopback) register(ctx context.Context, r reportapi.Registration) error {
	err := r.Register(ctx)
	if err != nil && !errors.Is(err, reportapi.ErrForeign) {
		return err
	}
	if err != nil {
		l.Log.WarnContext(ctx, "some policy reports are left to others", "error", err)
	}
	<-ctx.Done()
	return nil
}

// withdraw takes the registration back, also when the context has ended.
func (l *Loopback) withdraw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	return reportapi.Withdraw(ctx, l.Client)
}

func portOf(listener net.Listener) int32 {
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return int32(address.AddrPort().Port())
}
