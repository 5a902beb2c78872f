package capabilities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/inspect"
)

// fileVerb is a verb that does something with the capabilities of a file.
func (p *program) fileVerb(use, short, long string, do func(context.Context, []manifest.Document) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " FILE", Short: short, Long: long,
		Example: "  roadbed capability " + use + " database.yaml",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			documents, err := p.load(args[0])
			if err != nil {
				return err
			}
			return do(cmd.Context(), documents)
		},
	}
}

// load reads the capabilities of a file, and checks each as far as that can be
// done without a cluster. Each mistake is told with its line.
func (p *program) load(file string) ([]manifest.Document, error) {
	scheme := runtime.NewScheme()
	verb.Must(v1alpha1.AddToScheme(scheme))
	documents, err := manifest.Read(p.Program, scheme, []string{file})
	if err != nil {
		return nil, err
	}
	var mistakes []error
	for _, d := range documents {
		read, is := d.Object.(*v1alpha1.Capability)
		if !is {
			mistakes = append(mistakes, d.Mistake("kind", "want a Capability", nil))
			continue
		}
		mistakes = append(mistakes, wrong(d, read)...)
	}
	return documents, errors.Join(mistakes...)
}

// wrong is what is wrong with a Capability by itself.
func wrong(d manifest.Document, read *v1alpha1.Capability) []error {
	if capability.Storage(read) == nil {
		return []error{d.Mistake("spec.versions", "exactly one version must have storage: true", nil)}
	}
	var mistakes []error
	for _, each := range append(capability.Validate(read), inspect.Capability(nil, read)...) {
		mistakes = append(mistakes, d.Mistake(each.Field, each.ErrorBody(), nil))
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	if err := conversion.Check(read); err != nil {
		return []error{d.Mistake("spec.versions", "conversions: "+err.Error(), nil)}
	}
	return nil
}

func (p *program) lintVerb() *cobra.Command {
	return p.fileVerb("lint", "Check a capability without a cluster",
		"Check a capability as admission will: its schemas as the API server judges them, its\nprovisioners, whose expressions must compile, and its conversions on samples, there and\nback.",
		func(_ context.Context, documents []manifest.Document) error {
			for _, d := range documents {
				fmt.Fprintf(p.Out, "capability %s can be published\n", d.Object.GetName())
			}
			return nil
		})
}

func (p *program) diffVerb() *cobra.Command {
	return p.fileVerb("diff", "List what a changed capability would break",
		"Compare the versions of a file with those of the cluster, by their schemas and their\nHTTP APIs, and list what would break for those who use them. Exits with 3 when something\nwould.",
		func(ctx context.Context, documents []manifest.Document) error {
			for _, d := range documents {
				_, live, err := p.read(ctx, d.Object.GetName())
				if err != nil {
					return err
				}
				if err := p.diff(live, d.Object.(*v1alpha1.Capability)); err != nil {
					return err
				}
			}
			return nil
		})
}

func (p *program) diff(live, read *v1alpha1.Capability) error {
	broken := false
	for _, v := range capability.Living(live) {
		after := capability.Version(read, v.Name)
		if after == nil || after.Stage == v1alpha1.StageRemoved {
			continue
		}
		breaks, err := contract.Compare(live, read, v.Name)
		if err != nil {
			return err
		}
		if len(breaks) > 0 {
			broken = true
			fmt.Fprintf(p.Out, "%s (%s) would break:\n%s\n", v.Name, v.Stage, contract.Words(breaks))
		}
	}
	if broken {
		return verb.Exit(verb.ExitDifferences)
	}
	_, err := fmt.Fprintln(p.Out, "nothing would break")
	return err
}

func (p *program) publishVerb() *cobra.Command {
	dryRun := manifest.DryRunNone
	cmd := p.fileVerb("publish", "Publish capabilities, or changes of them",
		`Publish the capabilities of a file, or changes of them. Admission refuses what breaks a
promise and says whose, at the line that does. With --dry-run nothing is written: what
would change is shown as a diff, and the exit code is 3 when something would.`,
		func(ctx context.Context, documents []manifest.Document) error {
			return p.publish(ctx, documents, dryRun)
		})
	cmd.Example = "  roadbed capability publish database.yaml --dry-run\n  roadbed capability publish database.yaml"
	manifest.AddDryRunFlag(cmd, &dryRun)
	return cmd
}

// publish sends capabilities, all or none as far as admission can tell.
func (p *program) publish(ctx context.Context, documents []manifest.Document, dryRun string) error {
	if err := manifest.CheckDryRun(dryRun); err != nil {
		return err
	}
	c, err := p.Client()
	if err != nil {
		return err
	}
	// The file is what its team says: a stage that "deprecate" has set since is held
	// by admission, not by who wrote it.
	s := manifest.Submission{Program: p.Program, Client: c, Force: true}
	var planned []client.Object
	if dryRun == manifest.DryRunClient {
		for _, d := range documents {
			planned = append(planned, d.Object)
		}
	} else if planned, err = s.Rehearse(ctx, documents); err != nil {
		return err
	}
	if dryRun == manifest.DryRunNone {
		return s.Commit(ctx, documents)
	}
	return p.differences(ctx, c, planned)
}

// differences shows what would change.
func (p *program) differences(ctx context.Context, c client.Client, planned []client.Object) error {
	var changes []manifest.Change
	for _, each := range planned {
		live, err := manifest.Live(ctx, c, each)
		if err != nil {
			return err
		}
		change, err := manifest.NewChange(live, each)
		if err != nil {
			return err
		}
		changes = append(changes, change)
	}
	if manifest.PrintChanges(p.Program, changes) {
		return verb.Exit(verb.ExitDifferences)
	}
	return nil
}

func (p *program) deprecateVerb() *cobra.Command {
	var version, successor, sunset string
	cmd := &cobra.Command{
		Use: "deprecate NAME", Short: "Deprecate a version from now on",
		Long:    "Deprecate a version from now on. It works until its sunset, a year from now unless\n--sunset gives a later day; kubectl and the gateway tell everyone who uses it.",
		Example: "  roadbed capability deprecate database --version v1 --successor v2",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			// The server may write the status in between.
			return retry.RetryOnConflict(retry.DefaultRetry, func() error {
				return p.deprecate(cmd.Context(), args[0], version, successor, sunset)
			})
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "version that is deprecated")
	cmd.Flags().StringVar(&successor, "successor", "", "version to use instead")
	cmd.Flags().StringVar(&sunset, "sunset", "", "day on which it may go, such as 2028-01-31")
	verb.Must(cmd.MarkFlagRequired("version"))
	return cmd
}

func (p *program) deprecate(ctx context.Context, name, version, successor, sunset string) error {
	c, found, err := p.read(ctx, name)
	if err != nil {
		return err
	}
	v := capability.Version(found, version)
	if v == nil {
		return verb.Usagef("--version: capability %q has no version %q", found.Name, version)
	}
	if err := deprecate(v, p.Clock.Now(), successor, sunset); err != nil {
		return err
	}
	if err := c.Update(ctx, found, manifest.FieldOwner); err != nil {
		return fmt.Errorf("deprecate version %q of capability %q: %w", version, found.Name, err)
	}
	_, err = fmt.Fprintf(p.Out, "%s\n", capability.Warning(found, v))
	return err
}

func deprecate(v *v1alpha1.CapabilityVersion, now time.Time, successor, sunset string) error {
	begin := metav1.NewTime(now.UTC().Truncate(time.Second))
	end := metav1.NewTime(begin.Add(365 * 24 * time.Hour))
	if sunset != "" {
		day, err := time.Parse(time.DateOnly, sunset)
		if err != nil {
			return verb.Usagef("--sunset: %q is not a day such as 2028-01-31", sunset)
		}
		end = metav1.NewTime(day)
	}
	v.Stage, v.Deprecated, v.Sunset = v1alpha1.StageDeprecated, &begin, &end
	if successor != "" {
		v.Successor = successor
	}
	return nil
}
