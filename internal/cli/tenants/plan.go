package tenants

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func (p *program) tenantPlanVerb() *cobra.Command {
	var files, ranges []string
	var offline bool
	out := verb.NewOutput(verb.FormatDiff, verb.FormatJSON, verb.FormatYAML, verb.FormatName)
	cmd := &cobra.Command{
		Use:   "plan (NAME | -f FILE)",
		Short: "Show what a tenant generates, compared with what is live",
		Long: `Show what a tenant generates, compared with what is live. Nothing is changed. The
tenant is one in the cluster or those in files; Tiers and BusinessUnits in the files
count as if they had been applied.

With --offline no cluster is asked: the tiers are those that Roadbed ships and those
in the files, and everything is new. With -o yaml or json the generated objects are
printed whole instead of as a diff.

The server publishes what its plans depend on beside the objects, such as the
cluster's own address ranges, which no egress reaches; --cluster-cidr says otherwise.

The exit code is 3 when there is a difference, 0 when there is none.`,
		Example: `  roadbed tenant plan payments
  roadbed tenant plan -f payments.yaml
  roadbed tenant plan -f payments.yaml -f business-units.yaml --offline -o yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: verb.First(p.TenantNames()),
		RunE: func(cmd *cobra.Command, names []string) error {
			if (len(files) == 0) == (len(names) == 0) {
				return verb.Usagef("give a tenant's NAME or -f FILE")
			}
			if offline && len(files) == 0 {
				return verb.Usagef("--offline needs -f FILE")
			}
			if err := verb.CheckRanges(ranges); err != nil {
				return err
			}
			return p.plan(cmd.Context(), planning{names: names, files: files, offline: offline, ranges: ranges, out: out})
		},
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "file with Tenants, Tiers and BusinessUnits, - for standard input")
	verb.Must(cmd.MarkFlagFilename("filename", "yaml", "yml"))
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no cluster")
	verb.RangesFlag(cmd.Flags(), &ranges, "address ranges of the cluster's pods and services; those that the server published when not given")
	out.AddFlag(cmd)
	return cmd
}

// planning is what the plan verb was asked.
type planning struct {
	names, files, ranges []string
	offline              bool
	out                  *verb.Output
}

func (p *program) plan(ctx context.Context, ask planning) error {
	w, c, err := p.planWorld(ctx, ask.offline)
	if err != nil {
		return err
	}
	if len(ask.ranges) > 0 {
		w.Settings.ClusterCIDRs = ask.ranges
	}
	documents, err := p.planDocuments(ctx, c, ask)
	if err != nil {
		return err
	}
	var wanted []manifest.Document
	for _, d := range documents {
		if _, ok := d.Object.(*tenancyv1.Tenant); ok {
			wanted = append(wanted, d)
			continue
		}
		learn(w, d.Object)
	}
	if len(wanted) == 0 {
		return fmt.Errorf("no Tenant among the %d objects", len(documents))
	}
	if ask.out.Chosen == verb.FormatDiff {
		return p.showChanges(ctx, c, w, wanted)
	}
	return p.printPlans(ctx, ask.out, w, wanted)
}

// planWorld is the cluster's world, or offline that of the shipped tiers.
func (p *program) planWorld(ctx context.Context, offline bool) (tenancy.World, client.Client, error) {
	if offline {
		w := newWorld()
		for _, t := range tenancy.Tiers() {
			learn(w, t)
		}
		return w, nil, nil
	}
	c, err := p.Client()
	if err != nil {
		return tenancy.World{}, nil, err
	}
	w, err := p.liveWorld(ctx, c)
	return w, c, err
}

func (p *program) planDocuments(ctx context.Context, c client.Client, ask planning) ([]manifest.Document, error) {
	if len(ask.files) > 0 {
		return manifest.Read(p.Program, manifest.Scheme(), ask.files)
	}
	t := &tenancyv1.Tenant{}
	if err := c.Get(ctx, client.ObjectKey{Name: ask.names[0]}, t); err != nil {
		return nil, fmt.Errorf("get tenant %q: %w", ask.names[0], err)
	}
	t.SetGroupVersionKind(tenancyv1.GroupVersion.WithKind("Tenant"))
	return []manifest.Document{{Object: t}}, nil
}

// showPlans prints what tenants would change in the cluster.
func (p *program) showPlans(ctx context.Context, c client.Client, documents []manifest.Document) error {
	w, err := p.liveWorld(ctx, c)
	if err != nil {
		return err
	}
	return p.showChanges(ctx, c, w, documents)
}

// showChanges prints the diff of every tenant and of all it generates, and ends
// with the exit code for differences when there is one.
func (p *program) showChanges(ctx context.Context, c client.Client, w tenancy.World, documents []manifest.Document) error {
	if err := validateAll(ctx, documents, w); err != nil {
		return err
	}
	var changes []manifest.Change
	for _, d := range documents {
		live, err := manifest.Live(ctx, c, d.Object)
		if err != nil {
			return err
		}
		planned, err := manifest.WithDefaults(d.Object)
		if err != nil {
			return err
		}
		own, err := manifest.NewChange(live, planned)
		if err != nil {
			return err
		}
		generated, err := p.plannedChanges(ctx, c, d.Object.(*tenancyv1.Tenant), w)
		if err != nil {
			return err
		}
		changes = append(append(changes, own), generated...)
	}
	if manifest.PrintChanges(p.Program, changes) {
		return verb.Exit(verb.ExitDifferences)
	}
	return nil
}

// printPlans prints the generated objects whole, or their names.
func (p *program) printPlans(ctx context.Context, out *verb.Output, w tenancy.World, documents []manifest.Document) error {
	if err := validateAll(ctx, documents, w); err != nil {
		return err
	}
	for _, d := range documents {
		objects, err := tenancy.Plan(d.Object.(*tenancyv1.Tenant), w)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := manifest.Print(p.Program, out, object); err != nil {
				return err
			}
		}
	}
	return nil
}
