package tenants

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/capsule"
)

// importing is what the import verb was asked.
type importing struct {
	file   string
	strict bool
	out    *verb.Output
	capsule.Defaults
}

func (p *program) tenantImportVerb() *cobra.Command {
	i := importing{out: verb.NewOutput(verb.FormatYAML, verb.FormatJSON, verb.FormatName)}
	cmd := &cobra.Command{
		Use:   "import -f FILE",
		Short: "Translate tenants of Capsule into Roadbed's",
		Long: `Translate Tenants of Capsule (capsule.clastix.io/v1beta2) into Roadbed's. The result
is YAML on standard output, to be read, changed and applied. What did not translate is
listed on standard error, each with the reason and what to do instead; nothing is
dropped in silence. Needs no cluster.

What Capsule does not know of a tenant is given by flags, or written into the result
afterwards. The tenant's namespaces are adopted, under the names they have.`,
		Example: `  kubectl get tenants.capsule.clastix.io -o yaml > capsule.yaml
  roadbed tenant import -f capsule.yaml --business-unit retail --tier tier-2 \
    --cost-center cc-1042 --jurisdiction uk > tenants.yaml
  roadbed tenant apply -f tenants.yaml --dry-run`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if i.file == "" {
				return verb.Usagef("-f FILE must be given")
			}
			return p.importCapsule(i)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&i.file, "filename", "f", "", "file with Tenants of Capsule, - for standard input")
	flags.BoolVar(&i.strict, "strict", false, "end with exit code 1 when anything did not translate")
	flags.StringVar(&i.BusinessUnit, "business-unit", "", "business unit of every tenant")
	flags.StringVar(&i.Tier, "tier", "", "risk class of every tenant")
	flags.StringVar(&i.CostCenter, "cost-center", "", "what every tenant's usage is charged to")
	flags.StringVar(&i.Owner, "owner", "", "team that answers for every tenant")
	flags.StringSliceVar(&i.Jurisdictions, "jurisdiction", nil, "places where every tenant's data may live")
	i.out.AddFlag(cmd)
	verb.Must(cmd.MarkFlagFilename("filename", "yaml", "yml"))
	verb.CompleteFlag(cmd, "business-unit", p.UnitNames())
	verb.CompleteFlag(cmd, "tier", p.TierNames())
	return cmd
}

func (p *program) importCapsule(i importing) error {
	text, name, err := manifest.Input(p.Program, i.file)
	if err != nil {
		return err
	}
	if err := manifest.Malformed(name, text); err != nil {
		return err
	}
	tenants, lost, err := capsule.Import(text, i.Defaults)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for n := range tenants {
		if err := manifest.Print(p.Program, i.out, &tenants[n]); err != nil {
			return err
		}
	}
	if len(lost) == 0 {
		return nil
	}
	fmt.Fprintf(p.Err, "%s did not translate:\n", verb.Count(len(lost), "part"))
	for _, part := range lost {
		fmt.Fprintf(p.Err, "  %s\n", part)
	}
	if i.strict || len(tenants) == 0 {
		return verb.Exit(verb.ExitFailed)
	}
	return nil
}
