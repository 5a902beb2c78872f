package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups under which the help lists verbs.
const (
	groupPlatform = "platform"
	groupTenancy  = "tenancy"
	groupCluster  = "cluster"
)

// program is what the verbs of one invocation share. A verb's constructor
// takes it, keeps its own flags in its closure, and reads the shared flags only
// when it runs.
type program struct {
	Env
	flags globalFlags
	// running is true from the moment a verb's own code begins: an error before
	// that is an error of usage.
	running bool
}

// globalFlags are the flags that every verb has.
type globalFlags struct {
	kubeconfig string
	context    string
	dataDir    string
}

// Run executes one command line, args being what follows the program's name,
// and returns the exit code. It ends early when the context does.
func Run(ctx context.Context, env Env, args []string) int {
	p := &program{Env: env}
	root := p.root()                          //nolint:contextcheck // verbs take the context that cobra hands them
	root.SetArgs(append([]string{}, args...)) // Cobra takes nil for "read os.Args".
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	return p.report(ctx, cmd, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "roadbed",
		Short: "An enterprise platform as one program",
		Long: `Roadbed is an enterprise platform as one program.

"roadbed up" starts a real Kubernetes on this machine with the platform on it.
"roadbed server" runs the platform against a cluster you have. Every other verb
works with either.

The cluster is, in this order: --kubeconfig, $KUBECONFIG, the one that
"roadbed up" started, the one this process runs in, ~/.kube/config.
As "kubectl roadbed" it is the cluster that kubectl would use.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a dry run or plan
found differences.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if strings.HasPrefix(p.Name, "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl roadbed"}
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	p.addGlobalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: groupPlatform, Title: "The platform on this machine:"},
		&cobra.Group{ID: groupTenancy, Title: "Tenants, business units and tiers:"},
		&cobra.Group{ID: groupCluster, Title: "The platform in any cluster:"},
	)
	root.AddCommand(p.lifecycleVerbs()...)
	root.AddCommand(p.tenancyVerbs()...)
	root.AddCommand(p.clusterVerbs()...)
	root.AddCommand(p.versionVerb())
	p.markRunning(root)
	return root
}

func (p *program) addGlobalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&p.flags.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster")
	flags.StringVar(&p.flags.context, "context", "", "context of the kubeconfig to use instead of its current one")
	flags.StringVar(&p.flags.dataDir, "data-dir", "", "folder of the embedded platform (default $ROADBED_DATA_DIR, else ~/.local/share/roadbed)")
}

// markRunning makes every verb note that it has begun.
func (p *program) markRunning(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			p.running = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		p.markRunning(child)
	}
}

// family is a verb of tenancy that only holds other verbs.
func family(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		GroupID: groupTenancy,
		Short:   short,
		Long:    long,
		Args:    noSuchVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// noSuchVerb refuses the first argument of a command that only holds verbs.
func noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += `; did you mean "` + strings.Join(near, `" or "`) + `"?`
	}
	return usageErrorf("%s", message)
}
