package overrides

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// decision is a verb that decides.
type decision struct {
	use, short, long string
	verdict          policyv1.OverrideVerdict
	// past is what has been done; reached are the phases in which it has been
	// carried out.
	past    string
	reached []policyv1.OverridePhase
}

func approving() decision {
	return decision{
		use: "approve", short: "Approve an override that somebody else asked for", verdict: policyv1.VerdictApproved, past: "approved",
		long: `Approve an override. It is in force from then until it expires. Nobody approves his
own; the tenant's tier says whether an admin of the business unit may or only the
platform team.`,
		reached: []policyv1.OverridePhase{policyv1.PhaseActive, policyv1.PhaseExpiringSoon},
	}
}

func rejecting() decision {
	return decision{
		use: "reject", short: "Reject an override", verdict: policyv1.VerdictRejected, past: "rejected",
		long: "Reject an override that waits for a decision. Say with --comment why.", reached: []policyv1.OverridePhase{policyv1.PhaseRejected},
	}
}

func revoking() decision {
	return decision{
		use: "revoke", short: "End an approved override before its time", verdict: policyv1.VerdictRevoked, past: "revoked",
		long: "End an approved override before its time. What it covered is refused again within\nseconds, when it is next written.", reached: []policyv1.OverridePhase{policyv1.PhaseRevoked},
	}
}

func (p *program) decisionVerb(d decision) *cobra.Command {
	var namespace, comment string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:               d.use + " NAME",
		Short:             d.short,
		Long:              d.long,
		Example:           fmt.Sprintf("  roadbed policy override %s legacy-batch -n tenant-payments --comment \"until the vendor's version 9\"", d.use),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			o, err := p.read(cmd.Context(), c, namespace, names[0])
			if err != nil {
				return err
			}
			if err := decide(cmd.Context(), c, o, d.verdict, comment); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "override %s/%s %s\n", o.Namespace, o.Name, d.past)
			return p.await(cmd.Context(), c, o, d, timeout)
		},
	}
	p.namespaceFlag(cmd, &namespace, "namespace of the override")
	cmd.Flags().StringVar(&comment, "comment", "", "why, for the requester and for auditors")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait until it is carried out; 0 does not wait")
	return cmd
}

// errDecided says that somebody else was faster.
var errDecided = errors.New("somebody else decided on it a moment ago: look at it with \"roadbed policy override get\"")

// decide writes the decision against the version that was read, so that nobody
// decides on what somebody else has decided. What Roadbed writes meanwhile is no
// obstacle.
func decide(ctx context.Context, c client.Client, o override, verdict policyv1.OverrideVerdict, comment string) error {
	before := o.Status.Decision.DeepCopy()
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": o.ResourceVersion},
			"status":   map[string]any{"decision": map[string]any{"verdict": verdict, "comment": comment}},
		})
		if err != nil {
			return err
		}
		err = c.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
		switch {
		case err == nil:
			return nil
		case !apierrors.IsConflict(err):
			return manifest.Document{Object: o}.Refused(err)
		}
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return fmt.Errorf("get override %q: %w", o.Name, err)
		}
		if !equality.Semantic.DeepEqual(before, o.Status.Decision) {
			return errDecided
		}
		return err
	})
}

// await waits until the decision is carried out, and says what came of it.
func (p *program) await(ctx context.Context, c client.Client, o override, d decision, timeout time.Duration) error {
	if timeout <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := p.Poll(ctx, 200*time.Millisecond, func() (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return false, fmt.Errorf("get override %q: %w", o.Name, err)
		}
		return settled(o, d), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the decision stands, but was not carried out within %v: \"roadbed doctor\" says whether Roadbed runs", timeout)
	}
	if err != nil {
		return err
	}
	ready := condition.Get(o.Status.Conditions, condition.Ready)
	if o.Status.Phase == policyv1.PhaseInvalid || ready != nil && d.verdict == policyv1.VerdictApproved && ready.Status != "True" {
		return fmt.Errorf("it waives nothing: %s", ready.Message)
	}
	if d.verdict == policyv1.VerdictApproved {
		fmt.Fprintf(p.Out, "It is in force until %s.\n", o.Spec.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// settled tells whether nothing more is to be expected.
func settled(o override, d decision) bool {
	return slices.Contains(slices.Concat(d.reached, []policyv1.OverridePhase{policyv1.PhaseInvalid, policyv1.PhaseExpired}), o.Status.Phase)
}
