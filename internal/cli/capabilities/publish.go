package capabilities

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
)

func (p *program) lintVerb() *cobra.Command {
	return &cobra.Command{
		Use: "lint FILE", Short: "Check a capability without a cluster",
		Long:    "Check a capability as admission will: its schemas as the API server judges them, and\nits conversions on samples, there and back.",
		Example: "  roadbed capability lint database.yaml",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: verb.CompleteFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			read, err := p.load(args[0])
			if err != nil {
				return err
			}
			if errs := capability.Validate(read); len(errs) > 0 {
				return errs.ToAggregate()
			}
			if err := conversion.Check(read); err != nil {
				return fmt.Errorf("spec.versions: conversions: %w", err)
			}
			_, err = fmt.Fprintf(p.Out, "capability %s can be published\n", read.Name)
			return err
		},
	}
}

func (p *program) diffVerb() *cobra.Command {
	return &cobra.Command{
		Use: "diff FILE", Short: "List what a changed capability would break",
		Long:    "Compare the versions of a file with those of the cluster, by their schemas and their\nHTTP APIs, and list what would break for those who use them. Exits with 3 when something\nwould.",
		Example: "  roadbed capability diff database.yaml",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			read, err := p.load(args[0])
			if err != nil {
				return err
			}
			_, live, err := p.read(cmd.Context(), read.Name)
			if err != nil {
				return err
			}
			return p.diff(live, read)
		},
	}
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
	cmd := &cobra.Command{
		Use: "publish FILE", Short: "Publish a capability, or a change of one",
		Long:    "Publish a capability, or a change of one. Admission refuses what breaks a promise and\nsays whose; --dry-run asks it without writing anything.",
		Example: "  roadbed capability publish database.yaml --dry-run",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := manifest.CheckDryRun(dryRun); err != nil {
				return err
			}
			read, err := p.load(args[0])
			if err != nil {
				return err
			}
			if errs := capability.Validate(read); len(errs) > 0 {
				return errs.ToAggregate()
			}
			if dryRun == manifest.DryRunClient {
				_, err = fmt.Fprintf(p.Out, "capability %s would be published\n", read.Name)
				return err
			}
			return p.send(cmd.Context(), read, dryRun == manifest.DryRunServer)
		},
	}
	manifest.AddDryRunFlag(cmd, &dryRun)
	return cmd
}

// send creates or updates a Capability.
func (p *program) send(ctx context.Context, read *v1alpha1.Capability, dry bool) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	var live v1alpha1.Capability
	err = c.Get(ctx, client.ObjectKeyFromObject(read), &live)
	done := "published"
	switch {
	case apierrors.IsNotFound(err):
		var options []client.CreateOption
		if dry {
			options = append(options, client.DryRunAll)
		}
		err = c.Create(ctx, read, append(options, manifest.FieldOwner)...)
	case err == nil:
		live.Spec, done = read.Spec, "changed"
		var options []client.UpdateOption
		if dry {
			options = append(options, client.DryRunAll)
		}
		err = c.Update(ctx, &live, append(options, manifest.FieldOwner)...)
	}
	if err != nil {
		return fmt.Errorf("publish capability %q: %w", read.Name, err)
	}
	if dry {
		done += " (dry run)"
	}
	_, err = fmt.Fprintf(p.Out, "capability %s %s\n", read.Name, done)
	return err
}

func (p *program) deprecateVerb() *cobra.Command {
	var version, successor, sunset string
	cmd := &cobra.Command{
		Use: "deprecate NAME", Short: "Deprecate a version from now on",
		Long:    "Deprecate a version from now on. It works until its sunset, a year from now unless\n--sunset gives a later day; kubectl and the gateway tell everyone who uses it.",
		Example: "  roadbed capability deprecate database --version v1 --successor v2",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, found, err := p.read(cmd.Context(), args[0])
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
			if err := c.Update(cmd.Context(), found, manifest.FieldOwner); err != nil {
				return fmt.Errorf("deprecate version %q of capability %q: %w", version, found.Name, err)
			}
			_, err = fmt.Fprintf(p.Out, "%s\n", capability.Warning(found, v))
			return err
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "version that is deprecated")
	cmd.Flags().StringVar(&successor, "successor", "", "version to use instead")
	cmd.Flags().StringVar(&sunset, "sunset", "", "day on which it may go, such as 2028-01-31")
	verb.Must(cmd.MarkFlagRequired("version"))
	return cmd
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
