package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) downVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		GroupID: verb.GroupPlatform,
		Short:   "Stop the platform on this machine; its data stays",
		Long: `Stop the platform that "roadbed up" started, and its Kubernetes. The data stays, and
the next "roadbed up" goes on with it. Returns when the last process is gone.`,
		Example:           "  roadbed down",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.DataDir()
			if err != nil {
				return err
			}
			var stopped bool
			err = p.Slowly("stopping the platform", func() (err error) {
				stopped, err = embedded.Stop(cmd.Context(), dir, p.Clock)
				return err
			})
			if err != nil {
				return err
			}
			if !stopped {
				fmt.Fprintf(p.Out, "Roadbed is not running on %s.\n", dir)
				return nil
			}
			fmt.Fprintf(p.Out, "Roadbed is stopped. Its data stays in %s.\n", dir)
			return nil
		},
	}
}
