package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	provisioners "github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/cli/capabilities"
	"github.com/roadbed-dev/roadbed/internal/cli/claims"
	"github.com/roadbed-dev/roadbed/internal/cli/gateways"
	"github.com/roadbed-dev/roadbed/internal/cli/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// program is the whole command line, with the verbs of this package as methods.
type program struct{ verb.Program }

// Run executes one command line, args being what follows the program's name,
// and returns the exit code. It ends early when the context does.
func Run(ctx context.Context, env verb.Env, args []string) int {
	p := &program{verb.Program{Env: env}}
	root := p.root()                          //nolint:contextcheck // verbs take the context that cobra hands them
	root.SetArgs(append([]string{}, args...)) // Cobra takes nil for "read os.Args".
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return verb.ExitOK
	}
	return p.Report(ctx, cmd, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "roadbed",
		Short: "An enterprise platform as one program",
		Long: `Roadbed is an enterprise platform as one program.

"roadbed up" starts a real Kubernetes on this machine with the platform on it.
"roadbed server" runs the platform against a cluster you have. Every other verb
works with either.

The cluster is, in this order: --kubeconfig, the one of --data-dir, $KUBECONFIG,
the one that "roadbed up" started, the one this process runs in, ~/.kube/config.
As "kubectl roadbed" it is the cluster that kubectl would use.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a dry run or plan
found differences.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          verb.NoSuchVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if strings.HasPrefix(p.Name, "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl roadbed"}
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	p.Flags.AddTo(root)
	root.AddGroup(
		&cobra.Group{ID: verb.GroupPlatform, Title: "The platform on this machine:"},
		&cobra.Group{ID: verb.GroupTenancy, Title: "Tenants, business units and tiers:"},
		&cobra.Group{ID: verb.GroupGovernance, Title: "Policies:"},
		&cobra.Group{ID: verb.GroupCluster, Title: "The platform in any cluster:"},
	)
	root.AddCommand(p.lifecycleVerbs()...)
	root.AddCommand(p.tenancyVerbs()...)
	root.AddCommand(policies.Verb(&p.Program))
	root.AddCommand(capabilities.Verbs(&p.Program)...)
	root.AddCommand(claims.Verb(&p.Program, provisioners.Plans()))
	root.AddCommand(gateways.Verb(&p.Program))
	root.AddCommand(p.clusterVerbs()...)
	root.AddCommand(p.versionVerb())
	p.MarkRunning(root)
	return root
}
