// Command claims measures what a claim of a template capability costs, on an
// embedded control plane of its own:
//
//	make bench-claims
//	go run ./test/bench/claims -claims 100
//
// One run makes tenants and a capability, claims it many times at once, and
// counts until all claims are Ready: time, reconciles, and writes as the API
// server counts them, leases apart. Then it counts writes while nobody wants
// anything. It prints a table and, as its last line, one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// settings are what the flags say.
type settings struct {
	kube            string
	claims, tenants int
	parallel        int
	idle            time.Duration
}

// figures are what a run measures.
type figures struct {
	Claims            int     `json:"claims"`
	Tenants           int     `json:"tenants"`
	Seconds           float64 `json:"seconds"`
	ReconcilesPerEach float64 `json:"reconciles_per_claim"`
	WritesPerEach     float64 `json:"writes_per_claim"`
	IdleWrites        int     `json:"idle_writes"`
	IdleSeconds       float64 `json:"idle_seconds"`
}

func main() {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("bench-claims", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&s.kube, "kube", filepath.Join("bin", "roadbed-kube"), "the control plane's executable")
	flags.IntVar(&s.claims, "claims", 1000, "claims to make")
	flags.IntVar(&s.tenants, "tenants", 20, "tenants that make them, in turn")
	flags.IntVar(&s.parallel, "parallel", 16, "claims that are made at a time")
	flags.DurationVar(&s.idle, "idle", 30*time.Second, "how long to count writes while nobody wants anything")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.claims < 1 || s.tenants < 1 || s.parallel < 1 {
		return errors.New("-claims, -tenants and -parallel must be at least 1")
	}
	measured, err := measure(ctx, s, progress)
	if err != nil {
		return err
	}
	return report(out, measured)
}

// report prints a table and the figures.
func report(out io.Writer, f figures) error {
	table := fmt.Sprintf(`machine                 %d CPUs, %s/%s, %s
claims                  %d in %d tenants, each 2 objects and a Secret
all of them Ready       %.1f s
reconciles per claim    %.2f   goal <= 2
writes per claim        %.2f   goal <= 6, beside its own creation; its Event and the accounts' rights included
writes when idle        %d in %.0f s   goal 0
`, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), f.Claims, f.Tenants, f.Seconds, f.ReconcilesPerEach, f.WritesPerEach, f.IdleWrites, f.IdleSeconds)
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", table, line)
	return err
}
