package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// reportServerVerb serves reports in a cluster.
func (p *program) reportServerVerb() *cobra.Command {
	var database, address, health string
	cmd := &cobra.Command{
		Use:     "report-server",
		GroupID: verb.GroupCluster,
		Short:   "Serve policy reports as Kubernetes objects, in a cluster",
		Long: `Serve policy reports as Kubernetes objects behind the Service roadbed-reports, in the
foreground, until interrupted. "roadbed install --database-secret" makes a Deployment of
it; it may run in several copies, and reads what "roadbed server" writes into the same
PostgreSQL. It registers itself with the API server and stays registered when it stops:
while no copy answers, no namespace of the cluster finishes deleting, which "roadbed
doctor" tells.`,
		Example:           "  roadbed report-server --database @/etc/roadbed/database/url",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			where, err := databaseOf(database)
			if err != nil {
				return err
			}
			if where == "" {
				return verb.Usagef("--database is required")
			}
			config, err := p.RestConfig()
			if err != nil {
				return err
			}
			return app.ServeReports(cmd.Context(), app.ReportOptions{
				Config: config, Database: where, Addr: address, HealthAddr: health,
				Log: slog.New(slog.NewJSONHandler(p.Err, nil)), Clock: p.Clock,
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&database, "database", "", "the server's database: a postgres:// URL, or @ and a file that has one")
	flags.StringVar(&address, "addr", ":8443", "address of the API")
	flags.StringVar(&health, "health-addr", "127.0.0.1:8081", "address of /healthz and /readyz")
	return cmd
}
