package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Server serves HTTP on an open listener for as long as the manager runs. It
// does so whether or not this copy of the program is the elected one.
type Server struct {
	// Name is for messages.
	Name     string
	Listener net.Listener
	Handler  http.Handler
}

var _ manager.LeaderElectionRunnable = (*Server)(nil)

// NeedLeaderElection says no: every copy answers for itself.
func (*Server) NeedLeaderElection() bool { return false }

// Start serves until the context ends, then lets running requests finish.
func (s *Server) Start(ctx context.Context) error {
	web := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if web.Shutdown(grace) != nil {
			_ = web.Close() // What outlived the grace period is cut off.
		}
	})
	err := web.Serve(s.Listener)
	if !stop() {
		<-drained
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.Name, err)
	}
	return nil
}

// Listen opens a TCP address.
func Listen(what, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	return listener, nil
}
