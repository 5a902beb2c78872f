//go:build linux

// Command gateway measures what the gateway costs a request, beside nginx and
// Caddy in the same run, and what thousands of routes and live changes of them
// cost it.
//
// The proxy has one core to itself, the backend and the generator share the
// other. The judge is the CPU time per request of the proxy's process. It prints
// a table and, as its last line, one JSON object. It needs nginx and taskset,
// and Caddy's binary (-caddy), which `make bench-gateway` builds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The cores.
const (
	proxyCore = 0
	restCore  = 1
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	dir, caddyBinary string
	duration         time.Duration
	rounds           int
	progress         io.Writer
	backend          netip.AddrPort
	request          []byte
	report           report
}

func run(args []string, out, progress io.Writer) (err error) {
	b := &bench{progress: progress}
	role, chain, to := "", "", ""
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.StringVar(&b.caddyBinary, "caddy", "bin/bench/caddy", "Caddy's binary")
	flags.DurationVar(&b.duration, "duration", 4*time.Second, "how long each proxy is asked in a round")
	flags.IntVar(&b.rounds, "rounds", 5, "how often each proxy is asked")
	flags.StringVar(&role, "role", "", "what this process is: backend, gateway; it starts those itself")
	flags.StringVar(&chain, "chain", "legs", "what a gateway does: legs")
	flags.StringVar(&to, "backend", "", "a gateway's backend")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	switch role {
	case "backend":
		return backend(out)
	case "gateway":
		return serveGateway(chain, netip.MustParseAddrPort(to), out)
	}
	if b.dir, err = os.MkdirTemp("", "roadbed-bench-gateway"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.all(ctx); err != nil {
		return err
	}
	return b.report.write(out)
}

func (b *bench) all(ctx context.Context) error {
	served, err := startOn(restCore, os.Stderr, self(), "-role", "backend")
	if err != nil {
		return err
	}
	defer served.stop()
	if b.backend, err = served.address(); err != nil {
		return err
	}
	b.request = []byte("GET /v1/databases/orders HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	return b.compare(ctx)
}

// self is this program.
func self() string {
	name, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return name
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }
