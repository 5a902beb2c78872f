package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// platformStatus is what the status verb prints.
type platformStatus struct {
	embedded.State `json:",inline"`
	// Domains are the server's, as it reports them.
	Domains []health.Domain `json:"domains,omitempty"`
}

func (p *program) statusVerb() *cobra.Command {
	out := verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON, verb.FormatYAML)
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: verb.GroupPlatform,
		Short:   "Show how the platform on this machine is",
		Long: `Show how the platform on this machine is: the processes of its Kubernetes, its domains,
and what keeps it from being ready. The exit code is 0 when all of it is ready and 1
when it is not.`,
		Example:           "  roadbed status\n  roadbed status -o wide",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := p.platform(cmd.Context())
			if err != nil {
				return err
			}
			err = out.Print(p.Out, status, func() error { return p.printStatus(status, out.Chosen == verb.FormatWide) })
			if err == nil && !status.Ready {
				return verb.Exit(verb.ExitFailed)
			}
			return err
		},
	}
	out.AddFlag(cmd)
	return cmd
}

func (p *program) platform(ctx context.Context) (platformStatus, error) {
	dir, err := p.DataDir()
	if err != nil {
		return platformStatus{}, err
	}
	state, err := embedded.Look(ctx, dir)
	if err != nil {
		return platformStatus{}, err
	}
	status := platformStatus{State: state}
	if state.Server.Health == "" || !state.Running {
		return status, nil
	}
	// A server that does not answer is the reason of the state already.
	status.Domains, _ = askDomains(ctx, state.Server.Health)
	return status, nil
}

func (p *program) printStatus(s platformStatus, wide bool) error {
	if !s.Running {
		fmt.Fprintf(p.Out, "Roadbed is %s, on %s. \"roadbed up\" starts it.\n", s.Reason, s.Plane.DataDir)
		return nil
	}
	verdict := p.Paint(verb.Green, "Roadbed is ready")
	if !s.Ready {
		verdict = p.Paint(verb.Red, "Roadbed is not ready") + ": " + s.Reason
	}
	fmt.Fprintf(p.Out, "%s\nprocess %d", verdict, s.Plane.PID)
	// Until it first says how it is, only its lock tells of it.
	if !s.Plane.Started.IsZero() {
		age := p.Clock.Since(s.Plane.Started).Round(time.Second)
		fmt.Fprintf(p.Out, ", up %s, Kubernetes %s at %s", age, kubernetesVersion, s.Plane.Server)
	}
	fmt.Fprintf(p.Out, "\ndata %s\n", s.Plane.DataDir)
	if s.Server.Platform != "" {
		fmt.Fprintf(p.Out, "claims over HTTP at %s/v1, documents at %s/docs\n", s.Server.Platform, s.Server.Platform)
	}
	fmt.Fprintln(p.Out)
	if err := p.printChildren(s, wide); err != nil {
		return err
	}
	if len(s.Domains) == 0 {
		return nil
	}
	fmt.Fprintln(p.Out)
	return printDomains(p, s.Domains, wide)
}

func (p *program) printChildren(s platformStatus, wide bool) error {
	headings := []string{"COMPONENT", "STATE", "PROCESS", "PORT", "RESTARTS", "LAST EXIT"}
	if wide {
		headings = append(headings, "LOG")
	}
	rows := make([][]string, len(s.Plane.Children))
	for i, child := range s.Plane.Children {
		rows[i] = []string{child.Name, childState(child.PID, child.Ready), number(child.PID), number(child.Port), strconv.Itoa(child.Restarts), child.LastExit}
		if wide {
			rows[i] = append(rows[i], child.Log)
		}
	}
	return verb.Table(p.Out, headings, rows)
}

func childState(pid int, ready bool) string {
	switch {
	case ready:
		return "Ready"
	case pid != 0:
		return "Starting"
	}
	return "Down"
}

// number is empty for zero.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
