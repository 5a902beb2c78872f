//go:build linux

// Command gateway measures what the gateway costs a request, beside nginx and
// Caddy in the same run, and what thousands of routes and live changes of them
// cost it.
//
// The proxy has one core to itself, the backend and the generator share the
// other. The judge is the CPU time per request of the proxy's process. It prints
// a table and, as its last line, one JSON object. It needs nginx and taskset, a control
// plane's binary (-kube), and Caddy's and command propagation's (-caddy, -propagation),
// which `make bench-gateway` builds.
//
// A change of a route is measured twice: from the API server's acknowledged write to the
// first answer by it, which is propagation_p99_ms, and from a Config that the gateway is
// given, at the highest load that it takes.
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
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// The cores, as taskset has them.
const (
	proxyCore = "0"
	restCore  = "1"
	allCores  = "0,1"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	dir, caddyBinary  string
	kube, propagation string
	duration          time.Duration
	rounds            int
	progress          io.Writer
	backend           netip.AddrPort
	token             string
	request           []byte
	report            report
}

func run(args []string, out, progress io.Writer) error {
	b := &bench{progress: progress}
	c := child{in: os.Stdin, out: out}
	role := ""
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.StringVar(&b.caddyBinary, "caddy", "bin/bench/caddy", "Caddy's binary")
	flags.StringVar(&b.kube, "kube", "bin/roadbed-kube", "the control plane's binary")
	flags.StringVar(&b.propagation, "propagation", "bin/bench/propagation", "the binary of command propagation")
	flags.DurationVar(&b.duration, "duration", 4*time.Second, "how long each proxy is asked in a round")
	flags.IntVar(&b.rounds, "rounds", 5, "how often each proxy is asked")
	flags.StringVar(&role, "role", "", "what this process is: backend, gateway; it starts those itself")
	flags.StringVar(&c.chain, "chain", "legs", "what a gateway does: legs, plain, full")
	flags.StringVar(&c.backend, "backend", "", "a gateway's backend")
	flags.IntVar(&c.routes, "routes", 1, "how many routes a gateway has")
	flags.StringVar(&c.keys, "keys", "", "the file with the issuer's key set")
	flags.StringVar(&c.log, "log", os.DevNull, "the file for a gateway's access log")
	flags.StringVar(&c.profile, "profile", "", "a file for a gateway's CPU profile, until SIGTERM")
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
		return c.run()
	}
	if err := b.main(); err != nil {
		return err
	}
	return b.report.write(out)
}

// main runs everything in a folder of its own.
func (b *bench) main() (err error) {
	if b.dir, err = os.MkdirTemp("", "roadbed-bench-gateway"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	// nginx's worker is nobody's when root starts it.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The generator spins in one thread; others must get a turn by the system's
	// grace, not by the runtime's.
	runtime.GOMAXPROCS(4)
	return b.all(ctx)
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
	if b.token, err = credentials(b.keys()); err != nil {
		return err
	}
	b.request = requestFor(pathOf(0), b.token)
	if err := b.compare(ctx); err != nil {
		return err
	}
	for _, routes := range []int{3000, 5000} {
		if err := b.manyRoutes(ctx, routes); err != nil {
			return fmt.Errorf("%d routes: %w", routes, err)
		}
	}
	served.stop() // nobody asks the backend any more
	return b.propagate()
}

// keys is the file with the issuer's key set.
func (b *bench) keys() string { return filepath.Join(b.dir, "keys.json") }

// gateway starts this program as a gateway.
func (b *bench) gateway(chain string, routes int) (*process, netip.AddrPort, error) {
	p, err := startOn(proxyCore, os.Stderr, self(), "-role", "gateway", "-chain", chain, "-backend", b.backend.String(),
		"-routes", strconv.Itoa(routes), "-keys", b.keys(), "-log", filepath.Join(b.dir, "access.log"))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	address, err := p.address()
	if err != nil {
		p.stop()
	}
	return p, address, err
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
