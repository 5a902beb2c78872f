package gateways

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// runFlags say where a gateway serves and how.
type runFlags struct {
	address, health, metrics string
	privileged               bool
	log, database            string
	tuning                   Tuning
}

func (p *program) runVerb() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Serve Gateways beside the server, in a process of their own",
		Long: `Serve the Gateways of a cluster in the foreground, until interrupted: beside the server
that leads, and as many more like it as are needed. It is fed by watching the cluster,
writes nothing there, and is ready when it has read everything once. When it is told to
end it takes no more connections and answers what is going on, for up to half a minute.

In a pod it uses the pod's service account; elsewhere the kubeconfig must act as
system:serviceaccount:roadbed-system:roadbed-gateway. It may read the Secrets that
Gateways refer to and no others. Budgets of rate limits are shared through the server
that leads, or through a Redis; what holds while that is away says each policy's
failureMode.

"roadbed install --apply --feature-gates Gateway=true" makes a Deployment of it.`,
		Example: `  roadbed kubeconfig --as system:serviceaccount:roadbed-system:roadbed-gateway > gateway.kubeconfig
  roadbed gateway run --kubeconfig gateway.kubeconfig --address 127.0.0.2 --public-address 127.0.0.1
  roadbed gateway run --address 10.0.0.7 --rate-limit-redis-url @/etc/roadbed/redis/url`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.address, "address", "127.0.0.1", "IP address that Gateways listen on")
	flags.BoolVar(&f.privileged, "privileged-ports", false, "listen on ports below 1024 as they are; otherwise they become 8000 more, 80 becoming 8080")
	flags.StringVar(&f.health, "health-addr", "127.0.0.1:0", "address of /healthz and /readyz")
	flags.StringVar(&f.metrics, "metrics-addr", "127.0.0.1:0", "address of /metrics; 0 for none")
	flags.StringVar(&f.log, "access-log", "", "file for a line of JSON for each request, or - for the standard output; none when not given")
	flags.StringVar(&f.database, "database", "", "PostgreSQL that keeps who used what: @ and a file with its URL, or the URL; the server that leads is told when not given")
	f.tuning.AddTo(flags, "")
	return cmd
}

func (p *program) run(ctx context.Context, f runFlags) (err error) {
	address, err := netip.ParseAddr(f.address)
	if err != nil {
		return verb.Usagef("--address %s: must be an IP address", f.address)
	}
	tuning, err := f.tuning.Read(p.Getenv)
	if err != nil {
		return err
	}
	config, err := p.RestConfig()
	if err != nil {
		return err
	}
	log, closeLog, err := p.accessLog(f.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	where, err := databaseOf(f.database)
	if err != nil {
		return err
	}
	return app.ServeGateway(ctx, app.GatewayOptions{
		GatewayTuning: tuning, Config: config, Addr: address, PrivilegedPorts: f.privileged, Database: where,
		AccessLog: log, HealthAddr: f.health, MetricsAddr: f.metrics,
		Ready: func(e app.Endpoints) {
			fmt.Fprintf(p.Err, "ready: http://%s/readyz, http://%s/metrics\n", e.Health, e.Metrics)
		},
		Log: slog.New(slog.NewJSONHandler(p.Err, nil)),
	})
}

// accessLog opens the access log; nil where there is none.
func (p *program) accessLog(name string) (io.Writer, func() error, error) {
	switch name {
	case "":
		return nil, func() error { return nil }, nil
	case "-":
		return p.Out, func() error { return nil }, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the access log: %w", err)
	}
	return file, file.Close, nil
}

// databaseOf is where the database is; @FILE names a file that says so, because a URL
// may have a password in it.
func databaseOf(given string) (string, error) {
	if file, named := strings.CutPrefix(given, "@"); named {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read where the database is: %w", err)
		}
		given = strings.TrimSpace(string(content))
	}
	if given != "" && !strings.HasPrefix(given, "postgres://") && !strings.HasPrefix(given, "postgresql://") {
		return "", verb.Usagef("--database: must be a postgres:// URL, or @ and a file that has one: processes share it")
	}
	return given, nil
}
