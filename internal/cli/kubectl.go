package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) kubectlVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "kubectl [ARGUMENTS...]",
		GroupID: verb.GroupPlatform,
		Short:   "Run the kubectl that is built in",
		Long: `Run the kubectl that is built in, with its own arguments. It talks to the cluster that
every verb talks to, unless --kubeconfig names another.`,
		Example:            "  roadbed kubectl get tenants\n  roadbed kubectl -n tenant-payments get pods",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := p.takeOwnFlags(args)
			if err != nil {
				return err
			}
			return p.kubectl(cmd.Context(), args)
		},
	}
}

// takeOwnFlags takes --data-dir out of the arguments, where flags of the whole
// program land that stood before the verb. All others kubectl has too.
func (p *program) takeOwnFlags(args []string) ([]string, error) {
	const flag = "--data-dir"
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, flag+"="); found {
			p.Flags.DataDir = value
			return append(args[:i:i], args[i+1:]...), nil
		}
		if arg == flag && i+1 == len(args) {
			return nil, verb.Usagef("%s needs a folder", flag)
		}
		if arg == flag {
			p.Flags.DataDir = args[i+1]
			return append(args[:i:i], args[i+2:]...), nil
		}
		if arg == "--" {
			break
		}
	}
	return args, nil
}

func (p *program) kubectl(ctx context.Context, args []string) error {
	binary, err := p.findKube()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, binary, append([]string{"kubectl"}, args...)...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.Stdin, command.Stdout, command.Stderr = p.In, p.Out, p.Err
	command.Env = command.Environ()
	if file := p.embeddedKubeconfig(); file != "" {
		command.Env = append(command.Env, "KUBECONFIG="+file)
	}
	err = command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return verb.Exit(max(exit.ExitCode(), verb.ExitFailed))
	}
	return err
}

// embeddedKubeconfig is the embedded cluster's, unless the user names a
// cluster: then it is empty. The order is that of every verb.
func (p *program) embeddedKubeconfig() string {
	if p.Flags.DataDir == "" && p.Getenv("KUBECONFIG") != "" {
		return ""
	}
	dir, err := p.DataDir()
	if err != nil {
		return ""
	}
	if file := filepath.Join(dir, verb.KubeconfigFile); verb.Exists(file) {
		return file
	}
	return ""
}
