package tenants

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) tenantApplyVerb() *cobra.Command {
	s := onboarding{}
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or change tenants from a file and wait until they are Ready",
		Long: `Create the Tenants of a file, or change those that exist, and wait until they are
Ready or refused. A file is taken whole or not at all: when the cluster would refuse
one of its objects, nothing is changed, and each mistake is shown with its line.

With --dry-run nothing is changed; what would be is shown as a diff, and the exit
code is 3 when there is a difference. With -o the tenants are printed instead of words:
as they are in the end or, in a dry run, as they would be sent.`,
		Example: "  roadbed tenant apply -f payments.yaml\n  roadbed tenant apply -f payments.yaml --dry-run=server",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(s.files) == 0 {
				return verb.Usagef("-f FILE must be given")
			}
			documents, err := manifest.ReadKind(p.Program, s.files, "Tenant")
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), p, documents)
		},
	}
	s.addFlags(cmd)
	cmd.Flags().BoolVar(&s.force, "force-conflicts", false, "take over fields that somebody else set to other values")
	return cmd
}
