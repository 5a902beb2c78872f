// Command tenancy measures what tenancy costs and how fast it is, on an
// embedded control plane of its own with an etcd that waits for the disk:
//
//	make bench-tenancy
//	go run ./test/bench/tenancy -tenants 50
//
// One run makes a whole organisation and measures, in this order: a bare client
// that writes the objects Roadbed would generate, then one that writes all the
// objects Roadbed would leave, the tenants among them; Roadbed itself; one
// tenant after the other with all others present; repair of tampered
// guardrails; a restart after kill -9; writes while nobody wants anything. It
// prints a table and, as its last line, one JSON object. It ends everything it
// started, also when it is interrupted or killed.
//
// docs/explanation/performance.md says how to read the figures.
package main

import (
	"context"
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

	"github.com/roadbed-dev/roadbed/test/server"
)

// settings are what the flags say.
type settings struct {
	kube       string
	tenants    int
	latencies  int
	drifts     int
	namespaces int
	idle       time.Duration
	seed       uint64
	dir        string
	profile    string
	onboarding bool
	least      bool

	concurrency
}

// concurrency is how many requests a client has under way: for so many tenants
// at a time, and for each of them so many.
type concurrency struct{ groups, objects int }

func main() {
	server.Main()
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

func parse(args []string, errOut io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench-tenancy", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&s.kube, "kube", filepath.Join("bin", "roadbed-kube"), "the control plane's executable")
	flags.IntVar(&s.tenants, "tenants", 500, "tenants to onboard together")
	flags.IntVar(&s.latencies, "latencies", 40, "further tenants, one after the other")
	flags.IntVar(&s.drifts, "drifts", 200, "guardrails to tamper with")
	flags.IntVar(&s.namespaces, "namespaces", 1500, "namespaces at the restart; further tenants make them up")
	flags.IntVar(&s.groups, "workers", 16, "tenants that the bare client writes at a time; Roadbed has 16 workers")
	flags.IntVar(&s.objects, "parallel", 8, "objects of a tenant that the bare client writes at a time; Roadbed writes 8")
	flags.DurationVar(&s.idle, "idle", time.Minute, "how long to count writes while nobody wants anything")
	flags.Uint64Var(&s.seed, "seed", 1, "chooses what is tampered with")
	flags.StringVar(&s.dir, "dir", "", "directory for data and logs, which stay there (default a temporary one)")
	flags.BoolVar(&s.onboarding, "onboarding", false, "measure the onboarding of all tenants together and no more")
	flags.BoolVar(&s.least, "floor", false, "measure what Roadbed's writes cost when a bare client makes them, and no more")
	flags.StringVar(&s.profile, "profile", "", "directory for profiles of the server")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.tenants < 1 || s.latencies < 1 || s.drifts < 1 || s.groups < 1 || s.objects < 1 {
		return s, errors.New("-tenants, -latencies, -drifts, -workers and -parallel must be at least 1")
	}
	return s, nil
}

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	s, err := parse(args, progress)
	if err != nil {
		return err
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "roadbed-bench-"); err != nil {
			return fmt.Errorf("make a directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	}
	b := &bench{settings: s, progress: progress}
	b.report.add("machine", "", "%d CPUs, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if err := b.run(ctx); err != nil {
		return err
	}
	return b.report.write(out)
}

// bench is one run.
type bench struct {
	settings
	progress io.Writer
	report   report
	org      organisation
	// plain is what a bare client took for the generated objects alone, on a plain
	// control plane; same is what it took for all that Roadbed writes, on one like
	// Roadbed's.
	plain, same cost
}

// cost is what something took, of time and of the control plane's processor time.
type cost struct{ took, cpu time.Duration }

func (b *bench) run(ctx context.Context) error {
	var err error
	if b.org, err = organise(b.settings); err != nil {
		return fmt.Errorf("make up an organisation: %w", err)
	}
	if err := b.onPlane(ctx, "plain", nil, b.generatedAlone); err != nil {
		return fmt.Errorf("bare client: %w", err)
	}
	if b.least {
		return b.onPlane(ctx, "floor", guardFiles(), b.floor)
	}
	if err := b.onPlane(ctx, "same", guardFiles(), b.sameObjects); err != nil {
		return fmt.Errorf("bare client with all objects: %w", err)
	}
	return b.onPlane(ctx, "roadbed", guardFiles(), b.withRoadbed)
}

// withRoadbed runs all phases that need Roadbed on one control plane.
func (b *bench) withRoadbed(ctx context.Context, p *platform) (err error) {
	if err := p.install(ctx); err != nil {
		return err
	}
	if err := p.startServer(ctx); err != nil {
		return err
	}
	defer p.stopServer()
	phases := []struct {
		name string
		run  func(context.Context, *platform) error
	}{
		{"onboarding", b.onboard},
		{"one tenant at a time", b.oneByOne},
		{"drift", b.drift},
		{"more namespaces", b.fill},
		{"restart", b.restart},
		{"idle", b.rest},
	}
	if b.onboarding {
		phases = phases[:1]
	}
	for _, phase := range phases {
		b.say("%s", phase.name)
		if err := phase.run(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

func (b *bench) say(format string, values ...any) {
	fmt.Fprintf(b.progress, format+"\n", values...)
}
