package claims

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
)

func (p *program) rollbackVerb() *cobra.Command {
	var to string
	cmd := p.claimVerb("rollback", "Have a claim rendered by an earlier revision, and pin it there",
		`Have a claim rendered by the revision before its present one, or by the one that --to
names, and pin it there, so that no rollout takes it away again. "roadbed claim pin
--float" has it follow its capability again.`,
		"  roadbed claim rollback database/orders -n tenant-payments",
		func(ctx context.Context, c client.Client, f found) error {
			target, err := before(ctx, c, f, to)
			if err != nil {
				return err
			}
			return p.move(ctx, c, f, target, v1alpha1.UpdatesPinned)
		})
	cmd.Flags().StringVar(&to, "to", "", "revision to go back to (default the one before)")
	return cmd
}

// before is the revision to go back to.
func before(ctx context.Context, c client.Client, f found, to string) (string, error) {
	var all v1alpha1.CapabilityRevisionList
	if err := c.List(ctx, &all); err != nil {
		return "", fmt.Errorf("list revisions: %w", err)
	}
	current, version := text(f.claim, "status", "revision"), text(f.claim, "status", "version")
	known := revision.Of(all.Items, f.capability.Name, version)
	for i, each := range known {
		if to == each.Name {
			return to, nil
		}
		if to == "" && each.Name == current && i+1 < len(known) {
			return known[i+1].Name, nil
		}
	}
	if to != "" {
		return "", verb.Usagef("--to: version %q of capability %q has no revision %q", version, f.capability.Name, to)
	}
	return "", fmt.Errorf("claim %q is rendered by %q, and there is no revision before it", f.claim.GetName(), current)
}

func (p *program) pinVerb() *cobra.Command {
	var to string
	var float bool
	cmd := p.claimVerb("pin", "Keep a claim at its revision, or have it follow its capability again",
		"Keep a claim at the revision it is rendered by, or have it follow its capability\nagain. A pinned claim changes only when its owner changes it.",
		"  roadbed claim pin database/orders -n tenant-payments\n  roadbed claim pin database/orders -n tenant-payments --float",
		func(ctx context.Context, c client.Client, f found) error {
			switch {
			case float && to != "":
				return verb.Usagef("--float and --revision contradict each other")
			case float:
				return p.move(ctx, c, f, "", v1alpha1.UpdatesFloating)
			case to == "":
				to = text(f.claim, "status", "revision")
			}
			if to == "" {
				return fmt.Errorf("claim %q is rendered by no revision yet: name one with --revision", f.claim.GetName())
			}
			return p.move(ctx, c, f, to, v1alpha1.UpdatesPinned)
		})
	cmd.Flags().StringVar(&to, "revision", "", "revision to pin to (default the present one)")
	cmd.Flags().BoolVar(&float, "float", false, "follow the capability again")
	return cmd
}

// move writes which revision renders a claim.
func (p *program) move(ctx context.Context, c client.Client, f found, to string, updates v1alpha1.ClaimUpdates) error {
	platform := map[string]any{"updates": updates, "revision": nil}
	if to != "" {
		platform["revision"] = to
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"platform": platform}})
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, f.claim, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("move claim %q: %w", f.claim.GetName(), err)
	}
	if to == "" {
		fmt.Fprintf(p.Out, "%s %s/%s follows its capability\n", f.claim.GetKind(), f.claim.GetNamespace(), f.claim.GetName())
		return nil
	}
	fmt.Fprintf(p.Out, "%s %s/%s is pinned to %s\n", f.claim.GetKind(), f.claim.GetNamespace(), f.claim.GetName(), to)
	return nil
}

func (p *program) deleteVerb() *cobra.Command {
	var dryRun, yes bool
	cmd := p.claimVerb("delete", "Delete a claim, or say what would become of what was made for it",
		`Delete a claim. What was made for it is kept, saved or deleted, as its deletion
policy says, or else its tenant's data class. With --dry-run that is said, and
nothing is done.`,
		"  roadbed claim delete database/orders -n tenant-payments --dry-run",
		func(ctx context.Context, c client.Client, f found) error {
			describe(p.Out, f)
			if dryRun {
				return nil
			}
			question := fmt.Sprintf("Delete %s %q?", f.claim.GetKind(), f.claim.GetName())
			if err := p.sure(yes, question, f.claim.GetName()); err != nil {
				return err
			}
			if err := c.Delete(ctx, f.claim); err != nil {
				return fmt.Errorf("delete claim %q: %w", f.claim.GetName(), err)
			}
			fmt.Fprintf(p.Out, "%s %s/%s is being deleted\n", f.claim.GetKind(), f.claim.GetNamespace(), f.claim.GetName())
			return nil
		})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would become of it, and do nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}

// sure asks, unless it was answered already.
func (p *program) sure(yes bool, question, word string) error {
	if yes {
		return nil
	}
	return p.Confirm(question, word, "--yes")
}
