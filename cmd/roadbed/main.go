// Command roadbed is the platform: it starts an embedded Kubernetes, runs the
// domains against any cluster, and is the tool people use with both. Under
// the name kubectl-roadbed it is a kubectl plugin.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/roadbed-dev/roadbed/internal/cli"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, verb.FromProcess(os.Args[0], os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Args[1:])
	stop()
	os.Exit(code)
}
