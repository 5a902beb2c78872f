package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/examples"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/corpbank"
)

const (
	// exampleTimeout is how long the verb waits for the whole bank by default.
	exampleTimeout = 10 * time.Minute
	// exampleWriters is how many objects are written at a time.
	exampleWriters = 8
)

// ExampleVerb holds the verbs of examples.
func ExampleVerb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	return verb.Family("example", "Print or load an example organisation",
		`Examples are whole organisations to try the platform with. They are the same each
time: what is printed today can be compared with what was printed yesterday.`,
		p.corpBankVerb())
}

// bankFlags say how much of the bank is wanted, and what becomes of it.
type bankFlags struct {
	tenants int
	apply   bool
	dryRun  string
	waitFlags
}

func (p *program) corpBankVerb() *cobra.Command {
	var f bankFlags
	out := verb.NewOutput(verb.FormatYAML, verb.FormatJSON, verb.FormatName)
	cmd := &cobra.Command{
		Use:   "corp-bank",
		Short: "A bank with seven jurisdictions and twenty business units",
		Long: `Corp Bank is a fictitious bank with seven jurisdictions, twenty business units and a
dozen tenants written by hand. --tenants adds invented ones, always the same.

Without --apply its objects are printed as YAML and no cluster is needed. With --apply
they are created or updated in the cluster, and a table shows the tenants' way until
every one is Ready. With --dry-run as well nothing is changed: what would be is shown as
a diff, and the exit code is 3 when there is a difference.`,
		Example: `  roadbed example corp-bank
  roadbed example corp-bank --tenants 500 -o name
  roadbed example corp-bank --apply --dry-run=server
  roadbed example corp-bank --apply`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.tenants < 0 {
				return verb.Usagef("--tenants must not be negative")
			}
			if err := manifest.CheckDryRun(f.dryRun); err != nil {
				return err
			}
			if f.dryRun != manifest.DryRunNone && !f.apply {
				return verb.Usagef("--dry-run goes with --apply: without it nothing is changed anyhow")
			}
			bank, err := corpbank.Objects(examples.Files, f.tenants)
			if err != nil {
				return err
			}
			return p.corpBank(cmd.Context(), bank, f, out)
		},
	}
	cmd.Flags().IntVar(&f.tenants, "tenants", 0, "number of tenants in all; fewer than those written by hand means only those")
	cmd.Flags().BoolVar(&f.apply, "apply", false, "create or update the objects in the cluster")
	manifest.AddDryRunFlag(cmd, &f.dryRun)
	f.waitFlags.add(cmd, exampleTimeout)
	out.AddFlag(cmd)
	return cmd
}

// corpBank does with the bank what the flags say.
func (p *program) corpBank(ctx context.Context, bank []client.Object, f bankFlags, out *verb.Output) error {
	switch {
	case !f.apply:
		return p.printBank(bank, out)
	case f.dryRun != manifest.DryRunNone:
		return p.rehearseBank(ctx, bank, f.dryRun)
	default:
		return p.applyBank(ctx, bank, f.waitFlags)
	}
}

// rehearseBank shows what applying the bank would change. The cluster is asked
// only about objects that it can judge: a dry run leaves nothing for the ones
// that build on it.
func (p *program) rehearseBank(ctx context.Context, bank []client.Object, dryRun string) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	documents := make([]manifest.Document, 0, len(bank))
	for _, object := range bank {
		documents = append(documents, manifest.Document{Object: object})
	}
	if dryRun == manifest.DryRunServer {
		if err := p.askAbout(ctx, c, documents); err != nil {
			return err
		}
	}
	return manifest.Show(ctx, p.Program, c, documents)
}

// askAbout makes each document what the cluster would make of it, if it can say.
func (p *program) askAbout(ctx context.Context, c client.Client, documents []manifest.Document) error {
	w, err := p.liveWorld(ctx, c)
	if err != nil {
		return err
	}
	s := manifest.Submission{Program: p.Program, Client: c, Force: true}
	left := 0
	for i, d := range documents {
		if !founded(d.Object, w) {
			left++
			continue
		}
		if documents[i].Object, err = s.Send(ctx, d, true); err != nil {
			return err
		}
	}
	if left > 0 {
		fmt.Fprintf(p.Err, "The cluster was not asked about %d of %d objects: what they build on is not there yet.\n", left, len(documents))
	}
	return nil
}

// founded says whether all that the object names is in the world.
func founded(object client.Object, w tenancy.World) bool {
	switch o := object.(type) {
	case *tenancyv1.Tenant:
		return w.Units[o.Spec.BusinessUnit] != nil && w.Tiers[o.Spec.Tier] != nil
	case *tenancyv1.BusinessUnit:
		return o.Spec.Parent == "" || w.Units[o.Spec.Parent] != nil
	default:
		return true
	}
}

func (p *program) printBank(bank []client.Object, out *verb.Output) error {
	for _, object := range bank {
		if err := manifest.Print(p.Program, out, object); err != nil {
			return err
		}
	}
	return nil
}

// LoadBank writes the hand-written part of Corp Bank into the cluster and waits
// until its tenants are Ready.
func LoadBank(ctx context.Context, shared *verb.Program) error {
	bank, err := corpbank.Objects(examples.Files, 0)
	if err != nil {
		return err
	}
	return (&program{shared}).applyBank(ctx, bank, waitFlags{wait: true, timeout: exampleTimeout})
}

// applyBank writes the bank, parents before children, and waits for its tenants.
func (p *program) applyBank(ctx context.Context, bank []client.Object, f waitFlags) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	var tenants, others []client.Object
	var names []string
	for _, object := range bank {
		if _, ok := object.(*tenancyv1.Tenant); ok {
			tenants = append(tenants, object)
			names = append(names, object.GetName())
			continue
		}
		others = append(others, object)
	}
	s := manifest.Submission{Program: p.Program, Client: c, Force: true}
	for _, object := range others {
		if _, err := s.Send(ctx, manifest.Document{Object: object}, false); err != nil {
			return err
		}
	}
	err = p.Slowly("writing "+verb.Count(len(tenants), "tenant"), func() error {
		return sendAll(ctx, s, tenants)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "%d tiers and business units and %s applied\n", len(others), verb.Count(len(tenants), "tenant"))
	if !f.wait {
		return nil
	}
	return p.tenantsReady(ctx, c, f, names, true)
}

// sendAll writes objects that do not depend on each other.
func sendAll(ctx context.Context, s manifest.Submission, objects []client.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(exampleWriters)
	for _, object := range objects {
		group.Go(func() error {
			_, err := s.Send(ctx, manifest.Document{Object: object}, false)
			return err
		})
	}
	return group.Wait()
}
