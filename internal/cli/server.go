package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
)

// serverFlags say what the server runs and where it answers.
type serverFlags struct {
	health, metrics, webhook string
	webhookPort              int
	leaderElect              bool
	lease                    time.Duration
	domains, gates, ranges   []string
	exportSecrets            bool
	enforcement, auditLog    string
}

func (p *program) serverVerb() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:     "server",
		GroupID: verb.GroupCluster,
		Short:   "Run the platform against a cluster, in the foreground",
		Long: `Run the platform's domains against a cluster, in the foreground, until interrupted. In
a pod it uses the pod's service account; elsewhere the kubeconfig must act as
system:serviceaccount:roadbed-system:roadbed, the only user whom the guards let through.
"roadbed install --apply" prepares the cluster, "roadbed doctor" says what is missing.

The data folder takes the trail of privileged actions and the exports of offboarded
tenants; in a cluster it should be a volume.`,
		Example:           "  roadbed server --kubeconfig roadbed.kubeconfig --webhook off\n  roadbed server --domains tenancy --health-addr 127.0.0.1:8080",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.server(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.health, "health-addr", "127.0.0.1:0", "address of /healthz, /readyz and the domains' routes")
	flags.StringVar(&f.metrics, "metrics-addr", "127.0.0.1:0", "address of /metrics; 0 for none")
	flags.StringVar(&f.webhook, "webhook", string(app.WebhookOff), "how the API server reaches the webhooks: loopback, service or off")
	flags.IntVar(&f.webhookPort, "webhook-port", 9443, "port of the webhooks with --webhook service")
	flags.BoolVar(&f.leaderElect, "leader-elect", false, "run beside copies of which one works")
	flags.DurationVar(&f.lease, "leader-elect-lease-duration", 15*time.Second, "how long copies wait for one that is not heard of before another works")
	flags.StringSliceVar(&f.domains, "domains", nil, "domains to run; all when not given")
	flags.StringSliceVar(&f.gates, "feature-gates", nil, "unfinished things to switch on, such as IsolationModels=true")
	flags.BoolVar(&f.exportSecrets, "export-secrets", false, "write the values of Secrets into exports of offboarded tenants")
	flags.StringVar(&f.enforcement, "policy-enforcement", string(enforce.EnforceAuto), "who enforces policies of Kyverno's kinds: roadbed, kyverno, or auto: a Kyverno that runs here, and else Roadbed")
	flags.StringVar(&f.auditLog, "audit-log", "", "file of the API server's audit log, where it is on this machine: uses of policy overrides are read from it")
	rangesFlag(flags, &f.ranges)
	verb.CompleteFlag(cmd, "webhook", verb.CompleteFixed(string(app.WebhookLoopback), string(app.WebhookService), string(app.WebhookOff)))
	verb.CompleteFlag(cmd, "feature-gates", verb.CompleteFixed("IsolationModels=true"))
	completeEnforcement(cmd)
	return cmd
}

// completeEnforcement offers the ways to enforce policies.
func completeEnforcement(cmd *cobra.Command) {
	var ways []string
	for _, way := range enforce.Enforcements() {
		ways = append(ways, string(way))
	}
	verb.CompleteFlag(cmd, "policy-enforcement", verb.CompleteFixed(ways...))
}

func (p *program) server(ctx context.Context, f serverFlags) error {
	gates, err := parseGates(f.gates)
	if err != nil {
		return err
	}
	settings, err := platformSettings(f.ranges)
	if err != nil {
		return err
	}
	config, err := p.RestConfig()
	if err != nil {
		return err
	}
	dir, err := p.DataDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return app.Run(ctx, app.Options{
		Config:         config,
		TrailPath:      filepath.Join(dir, trailFile),
		ExportDir:      filepath.Join(dir, "exports"),
		AuditLog:       f.auditLog,
		HealthAddr:     f.health,
		MetricsAddr:    f.metrics,
		Webhook:        app.WebhookMode(f.webhook),
		WebhookPort:    f.webhookPort,
		LeaderElection: f.leaderElect,
		LeaseDuration:  f.lease,
		Domains:        f.domains,
		FeatureGates:   gates,
		Settings:       settings,
		ExportSecrets:  f.exportSecrets,
		Enforcement:    enforce.Enforcement(f.enforcement),
		Ready: func(e app.Endpoints) {
			fmt.Fprintf(p.Err, "ready: http://%s/readyz, http://%s/metrics\n", e.Health, e.Metrics)
		},
		Log:   slog.New(slog.NewJSONHandler(p.Err, nil)),
		Clock: p.Clock,
	})
}
