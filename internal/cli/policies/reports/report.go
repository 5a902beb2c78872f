package reports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// program is what verbs share, with the verb of this package as methods.
type program struct{ *verb.Program }

// flags say what is shown, and where it is read.
type flags struct {
	namespace, tenant, policy, status string
	server                            string
	history                           bool
	since                             time.Duration
	out                               *verb.Output
}

// Verb is the verb that shows reports.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	f := &flags{out: verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON, verb.FormatYAML)}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show what policies say of what exists",
		Long: `Show what the policies in force say of the objects that exist, as the scan found it,
with those that are not content first. Results that pass are counted at the end, and
listed with --status pass. With --history it shows what changed, and when.

Reports are read from the Kubernetes API, as "kubectl get reports" does; where that has
none, and for --history, from the server: the one that "roadbed up" runs, or that
--server names, such as a forwarded port. The server wants to know who asks: the token
of the kubeconfig is sent to --server, and for an admin without one a token is made
that only opens reports. You see what you may list.`,
		Example: `  roadbed policy report -n tenant-payments
  roadbed policy report --tenant payments --status fail -o wide
  roadbed policy report --policy require-resources -o json
  roadbed policy report --history --since 24h`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.history {
				return p.showHistory(cmd.Context(), f)
			}
			return p.show(cmd.Context(), f)
		},
	}
	set := cmd.Flags()
	set.StringVarP(&f.namespace, "namespace", "n", "", "only objects in this namespace")
	set.StringVar(&f.tenant, "tenant", "", "only objects of this tenant")
	set.StringVar(&f.policy, "policy", "", "only results of this policy")
	set.StringVar(&f.status, "status", "", "only these results: pass, fail, warn, error or skip")
	set.BoolVar(&f.history, "history", false, "show what changed instead of what is")
	set.DurationVar(&f.since, "since", 24*time.Hour, "with --history: how far back")
	set.StringVar(&f.server, "server", "", "URL of the server to ask, such as http://127.0.0.1:8081")
	verb.CompleteFlag(cmd, "status", verb.CompleteFixed("pass", "fail", "warn", "error", "skip"))
	f.out.AddFlag(cmd)
	return cmd
}

// check refuses what no report could have.
func (f *flags) check() error {
	switch policy.Status(f.status) {
	case "", policy.Pass, policy.Fail, policy.Warn, policy.Error, policy.Skip:
		return nil
	}
	return verb.Usagef("--status %s: must be pass, fail, warn, error or skip", f.status)
}

// show prints reports.
func (p *program) show(ctx context.Context, f *flags) error {
	if err := f.check(); err != nil {
		return err
	}
	all, err := p.read(ctx, f)
	if err != nil {
		return err
	}
	all = narrowed(all, f)
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": all}
	return f.out.Print(p.Out, list, func() error { return p.table(all, f) })
}

// read reads reports from the Kubernetes API, and else from the server.
func (p *program) read(ctx context.Context, f *flags) ([]found, error) {
	if f.server != "" {
		return p.fromServer(ctx, f)
	}
	all, err := p.fromKubernetes(ctx, f)
	if !errors.Is(err, errNotServed) {
		return all, err
	}
	served, serverErr := p.fromServer(ctx, f)
	if serverErr != nil {
		return nil, fmt.Errorf("%w; and the server: %w", err, serverErr)
	}
	return served, nil
}
