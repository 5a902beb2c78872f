package capabilities

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
)

func (p *program) shippedVerb() *cobra.Command {
	return &cobra.Command{
		Use: "shipped [NAME]", Short: "List the capabilities that Roadbed brings along, or print one",
		Long: `List the capabilities that Roadbed brings along, or print one to change and publish it.
Those that need nothing but Roadbed are in the cluster from the start.`,
		Example: "  roadbed capability shipped\n  roadbed capability shipped postgres-clusters >clusters.yaml\n  roadbed capability publish clusters.yaml",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeShipped,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.shippedTable()
			}
			text := shipped.Text(args[0])
			if text == nil {
				return verb.Usagef("no capability %q is brought along: see \"roadbed capability shipped\"", args[0])
			}
			_, err := p.Out.Write(text)
			return err
		},
	}
}

func (p *program) shippedTable() error {
	all, err := shipped.Capabilities()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, each := range all {
		how := string(each.Spec.Versions[len(each.Spec.Versions)-1].Provisioner.Type)
		rows = append(rows, []string{each.Name, each.Spec.Names.Kind, how, each.Spec.Description})
	}
	return verb.Table(p.Out, []string{"NAME", "KIND", "PROVISIONER", "WHAT IT IS"}, rows)
}

func completeShipped(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	all, err := shipped.Capabilities()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, each := range all {
		names = append(names, each.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
