package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
)

// validFor is how long an approval may be used when the capability says nothing.
const validFor = 72 * time.Hour

// Hash is the hash of a claim's spec, as it is in the claim's own version of its
// capability.
func Hash(claim *unstructured.Unstructured) string {
	spec, _, _ := unstructured.NestedFieldNoCopy(claim.Object, "spec")
	// What came from JSON can be written as JSON; maps are written sorted.
	text, err := json.Marshal([]any{claim.GroupVersionKind().Version, spec})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Requester is who asked for the claim as it is.
func Requester(claim *unstructured.Unstructured) string {
	return claim.GetAnnotations()[v1alpha1.AnnotationRequester]
}

// asker is who asked for the claim as it is, and whether the cluster knows him by
// that name. Over HTTP the requester is the API's account, and the claim says on
// whose behalf: a workload of the cluster, or somebody whom another issuer vouches
// for and whose name in the cluster, if he has one, is not known.
func asker(claim *unstructured.Unstructured) (name string, known bool) {
	requester := Requester(claim)
	if !strings.HasPrefix(requester, account.User(account.PlatformAPI, "")) {
		return requester, true
	}
	by := claim.GetAnnotations()[v1alpha1.AnnotationAskedBy]
	return by, strings.HasPrefix(by, "system:serviceaccount:")
}

// Needed is how many people must approve.
func Needed(mode v1alpha1.ApprovalMode) int {
	switch mode {
	case v1alpha1.ApprovalSimple:
		return 1
	case v1alpha1.ApprovalFourEyes:
		return 2
	case v1alpha1.ApprovalAuto:
	}
	return 0
}

// Verdict is what follows from the approvals of a claim.
type Verdict string

// The verdicts.
const (
	// Granted lets the claim be provisioned.
	Granted Verdict = "Granted"
	// Awaited is that approvals are missing.
	Awaited Verdict = "Awaited"
	// Refused is that somebody who may approve has rejected the claim.
	Refused Verdict = "Refused"
)

// Decision is what follows, and why.
type Decision struct {
	Verdict Verdict
	// Approvers are those who agreed, sorted.
	Approvers []string
	// Message is one sentence: who decided, or what is missing and what to do.
	Message string
}

// Decide decides about a claim with a requester and a hash. approvals may be of
// any claims: those of others, of other hashes, of people who may not approve,
// of the requester, and those that are over, count nothing. Where the cluster does
// not know who asked, one of the approvers may be he, and one more is needed.
func Decide(policy v1alpha1.ApprovalPolicy, claim *unstructured.Unstructured, hash string, approvals []v1alpha1.ClaimApproval, now time.Time) Decision {
	needed := Needed(policy.Mode)
	if needed == 0 {
		return Decision{Verdict: Granted, Message: "The capability needs nobody's approval."}
	}
	requester, known := asker(claim)
	if !known {
		needed++
	}
	if requester == "" {
		return Decision{Verdict: Awaited, Message: "It is not known who asked, because the claim was made before approvals were watched over: change its spec, so that it is."}
	}
	var approvers []string
	for i := range approvals {
		a := &approvals[i]
		if !counts(policy, claim, hash, a, now) || a.Spec.Approver == requester {
			continue
		}
		if a.Spec.Verdict == v1alpha1.ApprovalRejected {
			return Decision{Verdict: Refused, Message: fmt.Sprintf("%s rejected the claim%s: change it, or ask for the rejection %q to be deleted.", a.Spec.Approver, because(a.Spec.Reason), a.Name)}
		}
		approvers = append(approvers, a.Spec.Approver)
	}
	slices.Sort(approvers)
	approvers = slices.Compact(approvers)
	if len(approvers) >= needed {
		return Decision{Verdict: Granted, Approvers: approvers, Message: fmt.Sprintf("Approved by %s.", strings.Join(approvers, " and "))}
	}
	return Decision{Verdict: Awaited, Approvers: approvers, Message: awaited(policy, needed, uncounted(requester, known), approvers)}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", reason)
}

// uncounted says why who asked does not count.
func uncounted(requester string, known bool) string {
	if !known {
		return fmt.Sprintf("one of them may be %s, who asked over HTTP and whose name here is not known", requester)
	}
	return requester + ", who asked, is not counted"
}

// awaited says what is missing.
func awaited(policy v1alpha1.ApprovalPolicy, needed int, uncounted string, approvers []string) string {
	people := "1 person"
	if needed > 1 {
		people = fmt.Sprintf("%d people", needed)
	}
	so := ""
	if len(approvers) > 0 {
		so = fmt.Sprintf(", and %s did", strings.Join(approvers, " and "))
	}
	return fmt.Sprintf("%s of %s must approve the claim as it is%s; %s: use 'roadbed claim approve'.",
		people, strings.Join(slices.Sorted(slices.Values(policy.ApproverGroups)), " or "), so, uncounted)
}

// counts says whether an approval speaks of the claim as it is, is in force, and
// was made by somebody who may. A rejection has no end.
func counts(policy v1alpha1.ApprovalPolicy, claim *unstructured.Unstructured, hash string, a *v1alpha1.ClaimApproval, now time.Time) bool {
	ref := a.Spec.ClaimRef
	mine := ref.UID == string(claim.GetUID()) && ref.Name == claim.GetName() && ref.Kind == claim.GetKind() && a.Namespace == claim.GetNamespace()
	lasts := a.Spec.Verdict == v1alpha1.ApprovalRejected || now.Before(Ends(policy, a))
	return mine && a.Spec.Hash == hash && a.Spec.Approver != "" && a.DeletionTimestamp == nil && lasts && may(policy, a)
}

// may says whether the approver is in one of the groups that approve.
func may(policy v1alpha1.ApprovalPolicy, a *v1alpha1.ClaimApproval) bool {
	for group := range strings.SplitSeq(a.Annotations[v1alpha1.AnnotationApproverGroups], "\n") {
		if group != "" && slices.Contains(policy.ApproverGroups, group) {
			return true
		}
	}
	return false
}

// Ends is the first moment at which an approval counts no more.
func Ends(policy v1alpha1.ApprovalPolicy, a *v1alpha1.ClaimApproval) time.Time {
	limit := validFor
	if policy.ValidFor != nil && policy.ValidFor.Duration > 0 {
		limit = policy.ValidFor.Duration
	}
	if latest := a.CreationTimestamp.Add(limit); latest.Before(a.Spec.ExpiresAt.Time) {
		return latest
	}
	return a.Spec.ExpiresAt.Time
}
