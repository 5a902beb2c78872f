package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app/uninstall"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func (p *program) uninstallVerb() *cobra.Command {
	var kinds, yes bool
	cmd := &cobra.Command{
		Use:     "uninstall",
		GroupID: verb.GroupCluster,
		Short:   "Take out of a cluster what install put there",
		Long: `Take out of a cluster what "roadbed install" put there: the server, its webhooks and
rights, the guards. Finalizers of Roadbed are released, so that nothing is left that
nobody can delete. No namespace and no volume is ever deleted: tenants keep what runs,
their quotas, network policies and access, and their claims with what was provisioned
for them; nobody looks after those any more.

Without --yes nothing is changed: what would be is listed, with exit code 3. The kinds
stay, with every Tenant, BusinessUnit and Tier, unless --delete-kinds is given.

Like "install --apply" it needs a cluster admin and acts as Roadbed. The platform that
"roadbed up" started is deleted by "roadbed reset".`,
		Example:           "  roadbed uninstall\n  roadbed uninstall --yes\n  roadbed uninstall --delete-kinds --yes",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.uninstall(cmd.Context(), kinds, yes)
		},
	}
	cmd.Flags().BoolVar(&kinds, "delete-kinds", false, "delete the kinds too, with every Tenant, BusinessUnit and Tier")
	cmd.Flags().BoolVar(&yes, "yes", false, "really do it")
	return cmd
}

func (p *program) uninstall(ctx context.Context, kinds, yes bool) error {
	config, err := p.RestConfig()
	if err != nil {
		return err
	}
	opts := uninstall.Options{Config: config, Kinds: kinds}
	plan, err := uninstall.Look(ctx, opts)
	if err != nil {
		return err
	}
	if err := p.showUninstallation(plan); err != nil {
		return err
	}
	if plan.Empty() {
		_, err := fmt.Fprintln(p.Out, "\nNothing of Roadbed is left to remove.")
		return err
	}
	if !yes {
		fmt.Fprintln(p.Out, "\nNothing was changed: --yes does it.")
		return verb.Exit(verb.ExitDifferences)
	}
	if err := p.Slowly("uninstalling", func() error { return uninstall.Do(ctx, opts, plan) }); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Out, "\nUninstalled.")
	return err
}

// showUninstallation prints what is done, in its order, and what stays.
func (p *program) showUninstallation(plan uninstall.Plan) error {
	s := verb.NewSheet(p.Out)
	section := func(title string, refs []apply.Ref) {
		if len(refs) == 0 {
			return
		}
		s.Printf("%s:\n", title)
		for _, line := range byKind(refs) {
			s.Printf("  %s\n", line)
		}
	}
	section("Deleted, the webhooks, the server and its rights", plan.Stop)
	section("Deleted, the guards", plan.Guards)
	section("Converted by the API server from then on, the kinds of claims", plan.Unhook)
	section("Released from Roadbed's finalizers", plan.Release)
	section("Deleted, the kinds with all their objects", plan.Kinds)
	if len(plan.Stays) > 0 {
		s.Printf("What stays:\n")
	}
	for _, line := range plan.Stays {
		s.Printf("  %s\n", line)
	}
	return s.Err()
}

// byKind lists objects, and counts them where there are many of a kind.
func byKind(refs []apply.Ref) []string {
	const most = 8
	counts := map[string]int{}
	for _, ref := range refs {
		counts[ref.GVK.Kind]++
	}
	var lines []string
	for _, ref := range refs {
		line := ref.String()
		if n := counts[ref.GVK.Kind]; n > most {
			line = fmt.Sprintf("%d of kind %s", n, ref.GVK.Kind)
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
