package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func (p *program) resetVerb() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use:     "reset",
		GroupID: verb.GroupPlatform,
		Short:   "Delete the platform on this machine, with all its data",
		Long: `Delete the data of the platform on this machine: its Kubernetes with every object in
it, certificates, the trail of privileged actions, exports and logs. Nothing brings it
back. Without --yes it only says what would be deleted, with exit code 2. A platform
that runs is not deleted: "roadbed down" stops it.`,
		Example:           "  roadbed reset\n  roadbed reset --yes",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			dir, err := p.DataDir()
			if err != nil {
				return err
			}
			return p.reset(dir, yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really delete it")
	return cmd
}

func (p *program) reset(dir string, yes bool) error {
	if !verb.Exists(dir) {
		fmt.Fprintf(p.Out, "There is nothing at %s.\n", dir)
		return nil
	}
	status, running, err := standalone.Inspect(dir)
	if err != nil {
		return err
	}
	if running {
		return &standalone.LockedError{Dir: dir, PID: status.PID}
	}
	if !yes {
		fmt.Fprintf(p.Out, "This would delete %s with everything in it: the Kubernetes and all its objects, certificates, the trail, exports and logs.\n", dir)
		return verb.Usagef("nothing was deleted: give --yes to delete it for good")
	}
	if err := standalone.Erase(dir); err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "%s is deleted.\n", dir)
	return nil
}
