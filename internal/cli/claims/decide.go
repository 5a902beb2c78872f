package claims

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
)

func (p *program) approveVerb() *cobra.Command {
	return p.verdictVerb(v1alpha1.ApprovalApproved, "approve", "Approve a claim that somebody else asked for",
		`Approve a claim exactly as it is now: when it is edited, it needs approving again.
You approve in your own name, must be in one of the groups that the capability names,
and cannot approve what you asked for yourself.`)
}

func (p *program) rejectVerb() *cobra.Command {
	return p.verdictVerb(v1alpha1.ApprovalRejected, "reject", "Reject a claim that somebody else asked for",
		`Reject a claim as it is now. It counts until the claim is changed, or the
ClaimApproval that this makes is deleted.`)
}

func (p *program) verdictVerb(verdict v1alpha1.ApprovalVerdict, use, short, long string) *cobra.Command {
	var reason string
	var validFor time.Duration
	example := fmt.Sprintf("  roadbed claim %s database/orders -n tenant-payments --reason \"seen with the team\"", use)
	cmd := p.claimVerb(use, short, long, example, func(ctx context.Context, c client.Client, f found) error {
		if validFor <= 0 {
			return verb.Usagef("--valid-for must be more than nothing")
		}
		return p.decide(ctx, c, f, verdict, reason, validFor)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the requester and for auditors")
	cmd.Flags().DurationVar(&validFor, "valid-for", 72*time.Hour, "how long it may be used; the capability may allow less")
	return cmd
}

func (p *program) decide(ctx context.Context, c client.Client, f found, verdict v1alpha1.ApprovalVerdict, reason string, validFor time.Duration) error {
	made := &v1alpha1.ClaimApproval{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.claim.GetNamespace(), GenerateName: f.capability.Name + "-"},
		Spec: v1alpha1.ClaimApprovalSpec{
			ClaimRef: v1alpha1.ClaimReference{
				APIVersion: f.claim.GetAPIVersion(), Kind: f.claim.GetKind(), Name: f.claim.GetName(), UID: string(f.claim.GetUID()),
			},
			Hash: approval.Hash(f.claim), Requester: approval.Requester(f.claim), Reason: reason, Verdict: verdict,
			ExpiresAt: metav1.NewTime(p.Clock.Now().Add(validFor)),
		},
	}
	if err := c.Create(ctx, made); err != nil {
		return fmt.Errorf("decide on claim %q: %w", f.claim.GetName(), err)
	}
	fmt.Fprintf(p.Out, "%s %s/%s %s by %s, as %s\n", f.claim.GetKind(), made.Namespace, f.claim.GetName(), past(verdict), made.Spec.Approver, made.Name)
	return nil
}

func past(verdict v1alpha1.ApprovalVerdict) string {
	if verdict == v1alpha1.ApprovalRejected {
		return "rejected"
	}
	return "approved"
}
