package leases

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/app/serving"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/ledger"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

const (
	// lookAfter is how often the leader sees to it that it can be found.
	lookAfter = 30 * time.Second
	// again is how soon what failed is tried again.
	again = 2 * time.Second
	// lastAnswers is how long questions may take that came before the end.
	lastAnswers = 2 * time.Second
)

// Leader answers the other processes of its gateway while it leads. All fields are
// required.
type Leader struct {
	// Client writes the ConfigMap, and has tokens reviewed.
	Client kubernetes.Interface
	// Lessor hands out slices of budgets; nil where something else is asked for them.
	Lessor http.Handler
	// Uses keeps what other processes tell.
	Uses ledger.Sink
	// Addr is where the others reach this process; port 0 takes a free one.
	Addr  netip.AddrPort
	Clock clock.WithTicker
	Log   *slog.Logger
}

var _ manager.LeaderElectionRunnable = (*Leader)(nil)

// NeedLeaderElection says yes: one process keeps the budgets.
func (*Leader) NeedLeaderElection() bool { return true }

// Start answers until the context ends.
func (l *Leader) Start(ctx context.Context) error {
	listener, err := net.Listen("tcp", l.Addr.String())
	if err != nil {
		return fmt.Errorf("listen for the gateway's other processes: %w", err)
	}
	made, err := serving.Issue(l.Clock.Now(), serving.Unkept, l.Addr.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	pair, err := made.Pair()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	web := &http.Server{
		Handler: l.handler(), TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}},
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(l.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.ServeTLS(listener, "", "") }()
	l.announce(ctx, map[string]string{keyAddress: listener.Addr().String(), keyAuthority: string(made.Authority)})
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	if web.Shutdown(grace) != nil {
		_ = web.Close() // who still asks finds the next leader
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer the gateway's other processes: %w", err)
	}
	return nil
}

func (l *Leader) handler() http.Handler {
	mux := http.NewServeMux()
	if l.Lessor != nil {
		mux.Handle(limit.LeasePath, l.Lessor)
	}
	mux.Handle("POST "+UsesPath, keeper{l.Uses, l.Log})
	return &door{reviews: l.Client.AuthenticationV1().TokenReviews(), clock: l.Clock, log: l.Log, next: mux, seen: map[digest]opinion{}}
}

// announce says where the leader is until the context ends, also when somebody
// takes it back.
func (l *Leader) announce(ctx context.Context, said map[string]string) {
	for {
		pause := lookAfter
		if err := l.publish(ctx, said); err != nil && ctx.Err() == nil {
			pause = again
			l.Log.WarnContext(ctx, "the gateway's other processes cannot find their leader", "name", ConfigMap, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.Clock.After(pause):
		}
	}
}

func (l *Leader) publish(ctx context.Context, said map[string]string) error {
	places := l.Client.CoreV1().ConfigMaps(identity.SystemNamespace)
	live, err := places.Get(ctx, ConfigMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = places.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: ConfigMap}, Data: said}, metav1.CreateOptions{})
		return err
	}
	if err != nil || maps.Equal(live.Data, said) {
		return err
	}
	live.Data = said
	_, err = places.Update(ctx, live, metav1.UpdateOptions{})
	return err
}
