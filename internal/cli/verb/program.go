package verb

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups under which the help lists verbs.
const (
	GroupPlatform   = "platform"
	GroupTenancy    = "tenancy"
	GroupGovernance = "governance"
	GroupCluster    = "cluster"
)

// Program is what the verbs of one invocation share. A verb's constructor takes
// it, keeps its own flags in its closure, and reads the shared ones only when it
// runs.
type Program struct {
	Env
	Flags Flags
	// Running is true from the moment a verb's own code begins: an error before
	// that is an error of usage.
	Running bool
}

// Flags are the flags that every verb has.
type Flags struct {
	// Kubeconfig is the file that says how to reach the cluster, Context the
	// context in it; empty means what Program.RestConfig finds.
	Kubeconfig, Context string
	// DataDir is the embedded platform's folder; empty means the default.
	DataDir string
}

// AddTo gives the flags to the root of all verbs.
func (f *Flags) AddTo(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&f.Kubeconfig, "kubeconfig", "", "file that says how to reach the cluster")
	flags.StringVar(&f.Context, "context", "", "context of the kubeconfig to use instead of its current one")
	flags.StringVar(&f.DataDir, "data-dir", "", "folder of the embedded platform (default $ROADBED_DATA_DIR, else ~/.local/share/roadbed)")
}

// MarkRunning makes every verb below cmd note that it has begun.
func (p *Program) MarkRunning(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			p.Running = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		p.MarkRunning(child)
	}
}

// Family is a verb of tenancy that only holds other verbs.
func Family(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		GroupID: GroupTenancy,
		Short:   short,
		Long:    long,
		Args:    NoSuchVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// NoSuchVerb refuses the first argument of a command that only holds verbs.
func NoSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += `; did you mean "` + strings.Join(near, `" or "`) + `"?`
	}
	return Usagef("%s", message)
}
