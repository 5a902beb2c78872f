package approval_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func claimOf(requester string) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(1)}}}
	made.SetAPIVersion("claims.roadbed.dev/v1")
	made.SetKind("Database")
	made.SetNamespace("tenant-a")
	made.SetName("orders")
	made.SetUID("uid-1")
	if requester != "" {
		made.SetAnnotations(map[string]string{v1alpha1.AnnotationRequester: requester})
	}
	return made
}

// by is an approval by a member of the approvers, changed by some.
func by(who string, changes ...func(*v1alpha1.ClaimApproval)) v1alpha1.ClaimApproval {
	made := v1alpha1.ClaimApproval{
		ObjectMeta: metav1.ObjectMeta{
			Name: "by-" + who, Namespace: "tenant-a", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
			Annotations: map[string]string{v1alpha1.AnnotationApproverGroups: "system:authenticated\napprovers"},
		},
		Spec: v1alpha1.ClaimApprovalSpec{
			ClaimRef: v1alpha1.ClaimReference{APIVersion: "claims.roadbed.dev/v1", Kind: "Database", Name: "orders", UID: "uid-1"},
			Hash:     approval.Hash(claimOf("")), Verdict: v1alpha1.ApprovalApproved, Approver: who, ExpiresAt: metav1.NewTime(now.Add(time.Hour)),
		},
	}
	for _, change := range changes {
		change(&made)
	}
	return made
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type change = func(*v1alpha1.ClaimApproval)
	past := func(a *v1alpha1.ClaimApproval) { a.Spec.ExpiresAt = metav1.NewTime(now) }
	old := func(a *v1alpha1.ClaimApproval) { a.CreationTimestamp = metav1.NewTime(now.Add(-73 * time.Hour)) }
	no := func(a *v1alpha1.ClaimApproval) {
		a.Spec.Verdict, a.Spec.Reason = v1alpha1.ApprovalRejected, "too large"
	}
	others := map[string]change{
		"another claim's":        func(a *v1alpha1.ClaimApproval) { a.Spec.ClaimRef.UID = "uid-2" },
		"of another name":        func(a *v1alpha1.ClaimApproval) { a.Spec.ClaimRef.Name = "other" },
		"of another kind":        func(a *v1alpha1.ClaimApproval) { a.Spec.ClaimRef.Kind = "Bucket" },
		"in another namespace":   func(a *v1alpha1.ClaimApproval) { a.Namespace = "tenant-b" },
		"of the claim as it was": func(a *v1alpha1.ClaimApproval) { a.Spec.Hash = "0123456789abcdef" },
		"by nobody":              func(a *v1alpha1.ClaimApproval) { a.Spec.Approver = "" },
		"by somebody who may not": func(a *v1alpha1.ClaimApproval) {
			a.Annotations[v1alpha1.AnnotationApproverGroups] = "system:authenticated\nnot-approvers"
		},
		"by somebody in no group": func(a *v1alpha1.ClaimApproval) { a.Annotations = nil },
		"that is over":            past,
		"that is too old to use":  old,
		"that is being deleted":   func(a *v1alpha1.ClaimApproval) { a.DeletionTimestamp = new(metav1.NewTime(now)) },
	}
	type scenario struct {
		name      string
		mode      v1alpha1.ApprovalMode
		requester string
		approvals []v1alpha1.ClaimApproval
		verdict   approval.Verdict
		message   string
	}
	cases := []scenario{
		{"nobody is needed", v1alpha1.ApprovalAuto, "ada", nil, approval.Granted, "nobody's approval"},
		{"one is missing", v1alpha1.ApprovalSimple, "ada", nil, approval.Awaited, "1 person of approvers must approve"},
		{"one is there", v1alpha1.ApprovalSimple, "ada", []v1alpha1.ClaimApproval{by("ann")}, approval.Granted, "Approved by ann."},
		{"one's own", v1alpha1.ApprovalSimple, "ann", []v1alpha1.ClaimApproval{by("ann")}, approval.Awaited, "ann, who asked, is not counted"},
		{"it is not known who asked", v1alpha1.ApprovalSimple, "", []v1alpha1.ClaimApproval{by("ann")}, approval.Awaited, "not known who asked"},
		{"one of two", v1alpha1.ApprovalFourEyes, "ada", []v1alpha1.ClaimApproval{by("ann")}, approval.Awaited, "and ann did"},
		{"one twice", v1alpha1.ApprovalFourEyes, "ada", []v1alpha1.ClaimApproval{by("ann"), by("ann")}, approval.Awaited, "2 people"},
		{"one and one's own", v1alpha1.ApprovalFourEyes, "bob", []v1alpha1.ClaimApproval{by("ann"), by("bob")}, approval.Awaited, "and ann did"},
		{"two", v1alpha1.ApprovalFourEyes, "ada", []v1alpha1.ClaimApproval{by("bob"), by("ann")}, approval.Granted, "Approved by ann and bob."},
		{"two, and one against", v1alpha1.ApprovalFourEyes, "ada", []v1alpha1.ClaimApproval{by("bob"), by("ann"), by("eve", no)}, approval.Refused, "eve rejected the claim (too large)"},
		{"one against, long ago", v1alpha1.ApprovalSimple, "ada", []v1alpha1.ClaimApproval{by("ann"), by("eve", no, past, old)}, approval.Refused, "eve rejected"},
	}
	for name, other := range others {
		cases = append(cases, scenario{name, v1alpha1.ApprovalSimple, "ada", []v1alpha1.ClaimApproval{by("ann", other)}, approval.Awaited, "1 person"})
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := v1alpha1.ApprovalPolicy{Mode: test.mode, ApproverGroups: []string{"approvers"}}
			claim := claimOf(test.requester)
			got := approval.Decide(policy, claim, approval.Hash(claim), test.approvals, now)
			if got.Verdict != test.verdict || !strings.Contains(got.Message, test.message) {
				t.Errorf("got %s: %s, want %s: %s", got.Verdict, got.Message, test.verdict, test.message)
			}
		})
	}
}

func TestHashTellsSpecsApart(t *testing.T) {
	t.Parallel()
	one, other := claimOf("ada"), claimOf("bob")
	if approval.Hash(one) != approval.Hash(other) {
		t.Error("who asked is not part of what is approved")
	}
	other.SetAPIVersion("claims.roadbed.dev/v2")
	if approval.Hash(one) == approval.Hash(other) {
		t.Error("another version is another claim")
	}
	if err := unstructured.SetNestedField(one.Object, int64(2), "spec", "size"); err != nil {
		t.Fatal(err)
	}
	if approval.Hash(one) == approval.Hash(claimOf("ada")) {
		t.Error("a larger claim has the hash of a small one")
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	a := by("ann")
	a.Spec.ExpiresAt = metav1.NewTime(now.Add(1000 * time.Hour))
	for limit, want := range map[time.Duration]time.Duration{0: 71 * time.Hour, 2 * time.Hour: time.Hour, 5000 * time.Hour: 1000 * time.Hour} {
		policy := v1alpha1.ApprovalPolicy{ValidFor: &metav1.Duration{Duration: limit}}
		if got := approval.Ends(policy, &a); !got.Equal(now.Add(want)) {
			t.Errorf("valid for %s: ends %s, want %s", limit, got, now.Add(want))
		}
	}
}

// TestAskedOverHTTP: the requester is the API's account, and who asked is still not
// among those who approve.
func TestAskedOverHTTP(t *testing.T) {
	t.Parallel()
	const workload, foreigner = "system:serviceaccount:tenant-a:ci", "https://id.example#ada"
	simple := v1alpha1.ApprovalPolicy{Mode: v1alpha1.ApprovalSimple, ApproverGroups: []string{"approvers"}}
	for _, test := range []struct {
		name, asker string
		approvals   []v1alpha1.ClaimApproval
		want        approval.Verdict
		says        string
	}{
		{"nobody yet", workload, nil, approval.Awaited, workload + ", who asked, is not counted"},
		{"a workload approves its own", workload, []v1alpha1.ClaimApproval{by(workload)}, approval.Awaited, "1 person"},
		{"another approves a workload's", workload, []v1alpha1.ClaimApproval{by("bob")}, approval.Granted, "bob"},
		{"who knows whether it is he", foreigner, []v1alpha1.ClaimApproval{by("bob")}, approval.Awaited, "one of them may be " + foreigner},
		{"one of two is not he", foreigner, []v1alpha1.ClaimApproval{by("bob"), by("cleo")}, approval.Granted, "bob and cleo"},
		{"nobody says who it was", "", []v1alpha1.ClaimApproval{by("bob"), by("cleo")}, approval.Awaited, "not known who asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claim := claimOf("system:serviceaccount:roadbed-capabilities:platform-api.tenant-a")
			annotations := claim.GetAnnotations()
			annotations[v1alpha1.AnnotationAskedBy] = test.asker
			claim.SetAnnotations(annotations)
			got := approval.Decide(simple, claim, approval.Hash(claim), test.approvals, now)
			if got.Verdict != test.want || !strings.Contains(got.Message, test.says) {
				t.Errorf("%+v, want %s and %q", got, test.want, test.says)
			}
		})
	}
}
