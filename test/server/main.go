package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/app"
)

// Main runs the server and ends the process, if Start started it; else it
// returns at once. Programs call it before anything else.
func Main() {
	if len(os.Args) != 2 || os.Args[1] != argument {
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(log, os.Stdin, os.Stdout); err != nil {
		log.Error("server ends", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the server until its standard input ends, which it does when the
// process that started it is gone.
func serve(log *slog.Logger, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("understand what to do: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	profiles, err := profiling(o.Profile)
	if err != nil {
		return err
	}
	return app.Run(ctx, options(o, log, func(endpoints app.Endpoints) {
		_ = json.NewEncoder(out).Encode(greeting{Endpoints: endpoints, Profile: profiles})
	}))
}

func options(o order, log *slog.Logger, ready func(app.Endpoints)) app.Options {
	return app.Options{
		Config: &rest.Config{
			Host:               o.Host,
			TLSClientConfig:    rest.TLSClientConfig{CAData: o.CA, CertData: o.Cert, KeyData: o.Key},
			DisableCompression: o.Uncompressed,
		},
		TrailPath:      o.TrailPath,
		ExportDir:      o.ExportTo,
		LeaderElection: o.Lease > 0,
		LeaseDuration:  o.Lease,
		FeatureGates:   o.Gates,
		GatewayAddr:    o.Gateway,
		Ready:          ready,
		Log:            log,
	}
}

// profiling serves pprof until the process ends and returns where; "" when
// nobody wants it.
func profiling(wanted bool) (string, error) {
	if !wanted {
		return "", nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for profiles: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	go func() {
		_ = (&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
	}()
	return listener.Addr().String(), nil
}
