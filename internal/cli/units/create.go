package units

import (
	"context"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// unitFlags say what a business unit is.
type unitFlags struct {
	parent, displayName                             string
	admins, jurisdictions, tiers, costCenters, file []string
	envelope                                        map[string]string
	dryRun                                          string
	out                                             *verb.Output
}

func (p *program) unitCreateVerb() *cobra.Command {
	f := unitFlags{out: verb.ResultOutput()}
	cmd := &cobra.Command{
		Use:   "create (NAME --jurisdiction PLACE... | -f FILE)",
		Short: "Create a business unit",
		Long: `Create a business unit, from flags or from a file with one or more BusinessUnits.
A file is taken whole or not at all, except that a unit's parent in the same file is
created before it. With --dry-run nothing is created and what would be is shown as a
diff; with -o the business units are printed instead of words.`,
		Example: `  roadbed bu create retail-savings --parent retail --jurisdiction uk,eu \
    --admin corp:savings-platform --envelope requests.cpu=400,requests.memory=800Gi
  roadbed bu create -f business-units.yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			documents, err := f.documents(p, names)
			if err != nil {
				return err
			}
			return p.createUnits(cmd.Context(), documents, f.dryRun, f.out)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.parent, "parent", "", "business unit that this one belongs to")
	flags.StringArrayVar(&f.admins, "admin", nil, "group that onboards tenants, or user:NAME; may be given several times")
	flags.StringSliceVar(&f.jurisdictions, "jurisdiction", nil, "places where tenants may keep data")
	flags.StringSliceVar(&f.tiers, "tiers", nil, "tiers that tenants may use; none means any")
	flags.StringSliceVar(&f.costCenters, "cost-centers", nil, "cost centres that tenants may name; none means any")
	flags.StringToStringVar(&f.envelope, "envelope", nil, "most that all quotas may add up to, such as requests.cpu=400")
	flags.StringVar(&f.displayName, "display-name", "", "name that people use")
	flags.StringSliceVarP(&f.file, "filename", "f", nil, "file with BusinessUnits, - for standard input")
	verb.Must(cmd.MarkFlagFilename("filename", "yaml", "yml"))
	verb.CompleteFlag(cmd, "parent", p.UnitNames())
	verb.CompleteFlag(cmd, "tiers", p.TierNames())
	manifest.AddDryRunFlag(cmd, &f.dryRun)
	f.out.AddFlag(cmd)
	return cmd
}

func (f *unitFlags) documents(p *program, names []string) ([]manifest.Document, error) {
	switch {
	case (len(f.file) == 0) == (len(names) == 0):
		return nil, verb.Usagef("give a NAME or -f FILE")
	case len(f.file) > 0:
		return manifest.ReadKind(p.Program, f.file, "BusinessUnit")
	case len(f.jurisdictions) == 0:
		return nil, verb.Usagef("--jurisdiction must be given, or a file with -f")
	}
	envelope, err := verb.Quantities("envelope", f.envelope)
	if err != nil {
		return nil, err
	}
	return []manifest.Document{{Object: &tenancyv1.BusinessUnit{
		TypeMeta:   metav1.TypeMeta{APIVersion: tenancyv1.GroupVersion.String(), Kind: "BusinessUnit"},
		ObjectMeta: metav1.ObjectMeta{Name: names[0]},
		Spec: tenancyv1.BusinessUnitSpec{
			DisplayName: f.displayName, Parent: f.parent, Admins: verb.People(f.admins), Jurisdictions: f.jurisdictions,
			Tiers: f.tiers, CostCenters: f.costCenters, Envelope: envelope,
		},
	}}}, nil
}

func (p *program) createUnits(ctx context.Context, documents []manifest.Document, dryRun string, out *verb.Output) error {
	if err := manifest.CheckDryRun(dryRun); err != nil {
		return err
	}
	documents = parentsFirst(documents)
	c, err := p.Client()
	if err != nil {
		return err
	}
	s := manifest.Submission{Program: out.Told(p.Program), Client: c, Create: true}
	if dryRun != manifest.DryRunClient {
		if _, err := s.Rehearse(ctx, documents); err != nil {
			return err
		}
	}
	if dryRun != manifest.DryRunNone {
		return manifest.Show(ctx, p.Program, c, documents)
	}
	if err := s.Commit(ctx, documents); err != nil || out.Chosen == verb.FormatText {
		return err
	}
	names := make([]string, len(documents))
	for i, d := range documents {
		names[i] = d.Object.GetName()
	}
	return listing.Units(p.Clock).Show(ctx, p.Program, out, names)
}

// parentsFirst orders business units so that each follows its parent, and keeps
// the order otherwise.
func parentsFirst(documents []manifest.Document) []manifest.Document {
	byName := map[string]manifest.Document{}
	for _, d := range documents {
		byName[d.Object.GetName()] = d
	}
	ordered := make([]manifest.Document, 0, len(documents))
	placed := map[string]bool{}
	var place func(d manifest.Document)
	place = func(d manifest.Document) {
		if placed[d.Object.GetName()] {
			return
		}
		placed[d.Object.GetName()] = true
		if parent, ok := byName[parentOf(d.Object)]; ok {
			place(parent)
		}
		ordered = append(ordered, d)
	}
	for _, d := range documents {
		place(d)
	}
	return ordered
}

func parentOf(object client.Object) string {
	if u, ok := object.(*tenancyv1.BusinessUnit); ok {
		return u.Spec.Parent
	}
	return ""
}
