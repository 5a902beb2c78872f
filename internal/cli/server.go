package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/gateways"
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
	services                 []string
	exportSecrets            bool
	enforcement, auditLog    string
	database, imageRoot      string
	gateway, leases          string
	leasesPort               uint16
	tuning                   gateways.Tuning
	reportsAPI               bool
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
	gatesFlag(cmd, &f.gates)
	flags.StringVar(&f.gateway, "gateway-address", "127.0.0.1", "IP address that Gateways listen on, with the feature gate Gateway; on loopback, ports below 1024 become 8000 more")
	flags.StringVar(&f.leases, "gateway-leases-address", "127.0.0.1", "IP address where other processes of the gateway ask this one for slices of budgets while it leads")
	flags.Uint16Var(&f.leasesPort, "gateway-leases-port", 0, "port for --gateway-leases-address; a free one when 0")
	f.tuning.AddTo(flags, "gateway-")
	flags.BoolVar(&f.exportSecrets, "export-secrets", false, "write the values of Secrets into exports of offboarded tenants")
	flags.StringVar(&f.enforcement, "policy-enforcement", string(enforce.EnforceAuto), "who enforces policies of Kyverno's kinds: roadbed, kyverno, or auto: a Kyverno that runs here, and else Roadbed")
	flags.StringVar(&f.auditLog, "audit-log", "", "file of the API server's audit log, where it is on this machine: uses of policy overrides are read from it")
	flags.StringVar(&f.database, "database", "", "what keeps history: a postgres:// URL, the path of a SQLite file, or @ and a file that has one of them; history.db in the data folder when not given")
	flags.StringSliceVar(&f.services, "policy-services", nil, "URLs of services that policies may ask, with what is below them, such as https://owners.corp.example/v1; none when not given")
	imageRootFlag(flags, &f.imageRoot)
	flags.BoolVar(&f.reportsAPI, "reports-api", false, "serve policy reports as Kubernetes objects to an API server on this machine")
	rangesFlag(flags, &f.ranges)
	verb.CompleteFlag(cmd, "webhook", verb.CompleteFixed(string(app.WebhookLoopback), string(app.WebhookService), string(app.WebhookOff)))
	completeEnforcement(cmd)
	return cmd
}

// imageRootFlag names whom keyless signatures of images are trusted for.
func imageRootFlag(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "image-trusted-root", "", "file with the roots and logs that vouch for keyless signatures of images: a trusted_root.json of Sigstore")
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
	dir, err := p.dataFolder()
	if err != nil {
		return err
	}
	where, err := databaseOf(f.database)
	if err != nil {
		return err
	}
	entrance, leases, err := f.addresses()
	if err != nil {
		return err
	}
	tuning, err := f.tuning.Read(p.Getenv)
	if err != nil {
		return err
	}
	return app.Run(ctx, app.Options{
		Gateway:          tuning,
		LeasesAddr:       leases,
		Config:           config,
		TrailPath:        filepath.Join(dir, trailFile),
		ExportDir:        filepath.Join(dir, "exports"),
		AuditLog:         f.auditLog,
		Database:         where,
		ImageTrustedRoot: f.imageRoot,
		PolicyServices:   f.services,
		ReportsAPI:       f.reportsAPI,
		HealthAddr:       f.health,
		MetricsAddr:      f.metrics,
		Webhook:          app.WebhookMode(f.webhook),
		WebhookPort:      f.webhookPort,
		LeaderElection:   f.leaderElect,
		LeaseDuration:    f.lease,
		Domains:          f.domains,
		FeatureGates:     gates,
		GatewayAddr:      entrance,
		Settings:         settings,
		ExportSecrets:    f.exportSecrets,
		Enforcement:      enforce.Enforcement(f.enforcement),
		Ready: func(e app.Endpoints) {
			fmt.Fprintf(p.Err, "ready: http://%s/readyz, http://%s/metrics\n", e.Health, e.Metrics)
		},
		Log:   slog.New(slog.NewJSONHandler(p.Err, nil)),
		Clock: p.Clock,
	})
}

// dataFolder is made where there is none.
func (p *program) dataFolder() (string, error) {
	dir, err := p.DataDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	return dir, nil
}

// addresses are what the gateway listens on, and where it is asked while it leads.
func (f serverFlags) addresses() (entrance netip.Addr, leases netip.AddrPort, err error) {
	entrance, err = netip.ParseAddr(f.gateway)
	if err != nil {
		return entrance, leases, verb.Usagef("--gateway-address %s: must be an IP address", f.gateway)
	}
	at, err := netip.ParseAddr(f.leases)
	if err != nil {
		return entrance, leases, verb.Usagef("--gateway-leases-address %s: must be an IP address", f.leases)
	}
	return entrance, netip.AddrPortFrom(at, f.leasesPort), nil
}

// databaseOf is where a database is; @FILE names a file that says so, because a
// URL may have a password in it.
func databaseOf(given string) (string, error) {
	file, named := strings.CutPrefix(given, "@")
	if !named {
		return given, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read where the database is: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
