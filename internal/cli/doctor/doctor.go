package doctor

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// examination is a cluster under the doctor's eyes.
type examination struct {
	client    client.Client
	discovery discovery.DiscoveryInterface
	clock     clock.PassiveClock
}

// checks are what doctor looks at, in the order it prints. Each asks the cluster
// and changes nothing in it: what has to be tried is tried as a dry run.
func (e examination) checks() []func(context.Context) []finding {
	return []func(context.Context) []finding{
		e.version,
		e.policyAPIs,
		e.rbac,
		e.podSecurity,
		e.crds,
		e.guards,
		e.mandatory,
		e.enforcement,
		e.reports,
		e.permissions,
		e.gates,
		e.webhooks,
		e.storage,
		e.dns,
		e.networkPolicy,
		e.quotaController,
		e.tiers,
		e.controllers,
	}
}

// surgery is where doctor works: the verb and what it prints.
type surgery struct{ *verb.Program }

// Verb is the verb that examines a cluster.
func Verb(program *verb.Program) *cobra.Command {
	p := &surgery{program}
	out := verb.NewOutput(verb.FormatTable, verb.FormatJSON, verb.FormatYAML)
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: verb.GroupCluster,
		Short:   "Check a cluster for what Roadbed needs",
		Long: `Check a cluster for what Roadbed needs, and say of everything that is missing what
to do about it. Nothing is changed: what has to be tried is tried as a dry run.

"warn" marks what works but holds less than it could, "unknown" what cannot be found
out. The exit code is 1 when a check fails.`,
		Example:           "  roadbed doctor\n  roadbed doctor --context production -o json",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings, err := p.examine(cmd.Context())
			if err != nil {
				return err
			}
			if err := out.Print(p.Out, findings, func() error { return p.printFindings(findings) }); err != nil {
				return err
			}
			return failures(findings)
		},
	}
	out.AddFlag(cmd)
	return cmd
}

func (p *surgery) examine(ctx context.Context) ([]finding, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	config.WarningHandler = rest.NoWarnings{}
	c, err := verb.NewClient(config, verb.NewScheme())
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	if _, err := d.ServerVersion(); err != nil {
		return nil, fmt.Errorf("reach the cluster at %s: %w", config.Host, err)
	}
	e := examination{client: c, discovery: d, clock: p.Clock}
	var findings []finding
	err = p.Slowly("examining "+config.Host, func() error {
		for _, check := range e.checks() {
			findings = append(findings, check(ctx)...)
		}
		return ctx.Err()
	})
	return findings, err
}

// printFindings prints one line for each finding and below it what to do.
func (p *surgery) printFindings(findings []finding) error {
	widest := 0
	for _, f := range findings {
		widest = max(widest, len(f.Check))
	}
	s := verb.NewSheet(p.Out)
	for _, f := range findings {
		s.Printf("%s  %-*s  %s\n", p.mark(f.Verdict), widest, f.Check, f.Found)
		if f.ToDo != "" {
			s.Printf("%*s  → %s\n", len(verdictUnknown)+2+widest, "", f.ToDo)
		}
	}
	return s.Err()
}

func failures(findings []finding) error {
	failed := 0
	for _, f := range findings {
		if f.Verdict == verdictFail {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%s of %d failed", verb.Count(failed, "check"), len(findings))
}
