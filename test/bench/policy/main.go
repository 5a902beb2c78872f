// Command policy measures what governance costs: the time that policies add to
// a request on an embedded control plane, native and behind a webhook, at 1, 8
// and 50 writers at once; an evaluation in process against cel-go alone; the
// memory of 500 policies; and a forecast over 10,000 objects.
//
// It prints a table and, as its last line, one JSON object. It starts control
// planes of its own and ends them. It needs the multi-call binary (-kube).
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
	"syscall"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	ctrllog.SetLogger(logr.Discard()) // what fails is told by the run itself
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	kube     string
	dir      string
	requests int
	progress io.Writer
	report   report
}

func run(args []string, out, progress io.Writer) (err error) {
	b := &bench{progress: progress}
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	flags.StringVar(&b.kube, "kube", filepath.Join("bin", "roadbed-kube"), "the multi-call binary of the control plane")
	flags.IntVar(&b.requests, "requests", 1000, "requests for each scenario and number of writers")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if b.dir, err = os.MkdirTemp("", "roadbed-bench-policy"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, phase := range []func(context.Context) error{b.evaluation, b.memory, b.forecast, b.admission} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return b.report.write(out)
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }
