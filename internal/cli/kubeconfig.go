package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// kubeconfigFlags say whom the kubeconfig acts as and where it goes.
type kubeconfigFlags struct {
	as     string
	groups []string
	output string
}

func (p *program) kubeconfigVerb() *cobra.Command {
	var f kubeconfigFlags
	cmd := &cobra.Command{
		Use:     "kubeconfig",
		GroupID: verb.GroupPlatform,
		Short:   "Make a kubeconfig for any user of the platform on this machine",
		Long: `Make a kubeconfig for the Kubernetes on this machine: for its administrator or, with
--as, for any user in any groups, so that a tenant can be tried as its own people. It
holds a client certificate that lasts 90 days and cannot be called back; what the user
may do is decided by roles. The platform need not run.`,
		Example: `  roadbed kubeconfig --as payments-developer --group corp:payments-developers --output developer.kubeconfig
  roadbed kubectl --kubeconfig developer.kubeconfig -n tenant-payments get pods`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.as == "" && cmd.Flags().Changed("as") {
				return verb.Usagef("--as names nobody: leave it out to be the administrator")
			}
			if f.as == "" && len(f.groups) > 0 {
				return verb.Usagef("--group needs --as")
			}
			return p.writeKubeconfig(f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.as, "as", "", "user to act as; the administrator when not given")
	flags.StringArrayVar(&f.groups, "group", nil, "group of the user; may be given several times")
	flags.StringVarP(&f.output, "output", "o", "", "file to write instead of standard output")
	return cmd
}

func (p *program) writeKubeconfig(f kubeconfigFlags) error {
	dir, err := p.DataDir()
	if err != nil {
		return err
	}
	access, err := standalone.OpenAccess(dir, p.Clock)
	if err != nil {
		return err
	}
	user, groups := f.as, f.groups
	if user == "" {
		user, groups = standalone.AdminUser, []string{standalone.AdminGroup}
	}
	content, err := access.Kubeconfig(user, groups...)
	if err != nil {
		return err
	}
	if f.output == "" || f.output == "-" {
		_, err := p.Out.Write(content)
		return err
	}
	if err := writePrivate(f.output, content); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	fmt.Fprintf(p.Err, "%s acts as %q\n", f.output, user)
	return nil
}

// writePrivate writes a file that its owner alone may read, even where there is
// one already that others may. What is no file, such as a pipe, is left as it is.
func writePrivate(path string, content []byte) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(path, content, 0o600)
}
