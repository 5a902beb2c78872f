package claim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	approvals "github.com/roadbed-dev/roadbed/internal/domain/capability/approval/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestRevisionsAndApprovals(t *testing.T) {
	t.Parallel()
	late := &gate{path: "/lates"}
	volumes := &gate{path: "/persistentvolumeclaims", method: http.MethodGet}
	p := start(t, nil, unlisted, late.wrap, volumes.wrap)
	t.Run("together", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *platform){
			"waves": testWaves, "approvals": testApprovals, "stop and start": testStops, "old revisions": testOldRevisions, "unlisted": testUnlisted,
			"listed late": late.testListed, "moved": testMoved, "unlisted part": testUnlistedPart,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, p) })
		}
	})
}

// variant is a capability with a name of its own and one more line.
func variant(name, kind, more string) string {
	source := strings.NewReplacer("{name: box}", "{name: "+name+"}", "kind: Box, plural: boxes", "kind: "+kind+", plural: "+strings.ToLower(kind)+"s").Replace(boxes)
	return strings.Replace(source, "  layer: data\n", "  layer: data\n"+more, 1)
}

// revisions are the revisions of a capability's v1, the newest first.
func (p *platform) revisions(t *testing.T, capability string, count int) []*v1alpha1.CapabilityRevision {
	t.Helper()
	var found []*v1alpha1.CapabilityRevision
	kubetest.Eventually(t, patience, "revisions are made", func() error {
		var all v1alpha1.CapabilityRevisionList
		if err := p.admin.List(t.Context(), &all); err != nil {
			return err
		}
		if found = revision.Of(all.Items, capability, "v1"); len(found) != count {
			return fmt.Errorf("%d revisions, want %d", len(found), count)
		}
		return nil
	})
	return found
}

// rendered waits until a claim is Ready and rendered by a revision.
func rendered(t *testing.T, c client.Client, object *unstructured.Unstructured, by string) {
	t.Helper()
	kubetest.Eventually(t, patience, object.GetName()+" is rendered by "+by, func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		at, _, _ := unstructured.NestedString(object.Object, "status", "revision")
		ready := condition.IsTrue((&claim.Claim{Unstructured: object}).GetConditions(), condition.Ready)
		if at != by || !ready {
			return fmt.Errorf("revision %q, ready %v: %v", at, ready, object.Object["status"])
		}
		return nil
	})
}

// testWaves wants a new revision to reach floating claims wave after wave, to
// stop at one that fails, and never to reach a pinned one.
func testWaves(t *testing.T, p *platform) {
	p.publish(t, variant("waved", "Waved", "  rollout: {waves: [{tiers: [tier-3]}, {tiers: [tier-1]}]}\n"))
	third, low := p.tenant(t, "low", "tier-3", "internal")
	first, high := p.tenant(t, "high", "tier-1", "internal")
	one := p.revisions(t, "waved", 1)[0].Name
	early := claimed(t, low, wish(third, "Waved", "early", `{"size":1}`))
	pinned := claimed(t, low, wish(third, "Waved", "pinned", `{"size":1,"platform":{"updates":"Pinned"}}`))
	late := claimed(t, high, wish(first, "Waved", "late", `{"size":1}`))
	for _, each := range []*unstructured.Unstructured{early, pinned, late} {
		rendered(t, p.admin, each, one)
	}
	// An object that is in the way fails the claim of the first wave.
	p.create(t, low, object("ConfigMap", third, "early-new"))
	c := &v1alpha1.Capability{}
	if err := p.admin.Get(t.Context(), client.ObjectKey{Name: "waved"}, c); err != nil {
		t.Fatal(err)
	}
	c.Spec.Versions[0].Provisioner.Template.Resources[2].IncludeWhen = nil
	c.Spec.Versions[0].Provisioner.Template.Resources[2].Manifest.Raw = []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${claim.metadata.name}-new"}}`)
	if err := p.admin.Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	two := p.revisions(t, "waved", 2)[0].Name
	kubetest.Eventually(t, patience, "the rollout stops", func() error {
		r := &v1alpha1.CapabilityRevision{}
		if err := p.admin.Get(t.Context(), client.ObjectKey{Name: two}, r); err != nil {
			return err
		}
		rolled := condition.Get(r.Status.Conditions, claim.ConditionRolledOut)
		if rolled == nil || rolled.Reason != claim.ReasonStopped || r.Status.OpenWaves != 1 || !strings.Contains(rolled.Message, third+"/early") {
			return fmt.Errorf("status %+v", r.Status)
		}
		return nil
	})
	rendered(t, p.admin, late, one)
	if err := low.Delete(t.Context(), object("ConfigMap", third, "early-new")); err != nil {
		t.Fatal(err)
	}
	rendered(t, p.admin, early, two)
	rendered(t, p.admin, late, two)
	rendered(t, p.admin, pinned, one)
	// Back, and pinned there.
	back := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"platform":{"revision":"`+one+`","updates":"Pinned"}}}`))
	if err := high.Patch(t.Context(), late, back); err != nil {
		t.Fatal(err)
	}
	rendered(t, p.admin, late, one)
	deeds := p.deeds(first)
	if want := []string{claim.ActionUpdate + " late", claim.ActionRollback + " late"}; len(deeds) < 2 || !slices.Equal(deeds[len(deeds)-2:], want) {
		t.Errorf("on the trail: %q, want %q at the end", deeds, want)
	}
	wrong := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"platform":{"revision":"waved-v2-x"}}}`))
	if err := high.Patch(t.Context(), late, wrong); err != nil {
		t.Fatal(err)
	}
	conditioned(t, high, late, claim.ConditionAccepted, claim.ReasonRevisionUnknown, "is no revision of the claim's version")
	r := &v1alpha1.CapabilityRevision{}
	if err := p.admin.Get(t.Context(), client.ObjectKey{Name: one}, r); err != nil {
		t.Fatal(err)
	}
	r.Spec.Number = 9
	if err := p.admin.Update(t.Context(), r); err == nil || !strings.Contains(err.Error(), "never changes") && !strings.Contains(err.Error(), "made by Roadbed") {
		t.Errorf("a revision was changed: %v", err)
	}
}

func (p *platform) approve(t *testing.T, c client.Client, of *unstructured.Unstructured, name string, change ...func(*v1alpha1.ClaimApproval)) error {
	t.Helper()
	a := &v1alpha1.ClaimApproval{
		ObjectMeta: metav1.ObjectMeta{Namespace: of.GetNamespace(), Name: name},
		Spec: v1alpha1.ClaimApprovalSpec{
			ClaimRef:  v1alpha1.ClaimReference{APIVersion: of.GetAPIVersion(), Kind: of.GetKind(), Name: of.GetName(), UID: string(of.GetUID())},
			Hash:      approval.Hash(of),
			Requester: approval.Requester(of),
			ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour)),
		},
	}
	for _, each := range change {
		each(a)
	}
	return c.Create(t.Context(), a)
}

// testApprovals wants two people besides the requester, in their own names.
func testApprovals(t *testing.T, p *platform) {
	p.publish(t, variant("watched", "Watched", "  approval: {mode: FourEyes, approverGroups: [approvers]}\n"))
	namespace, dev := p.tenant(t, "watched", "tier-2", "internal")
	ann := p.env.ClientAs(t, "ann", "approvers")
	bob := p.env.ClientAs(t, "bob", "approvers")
	own := p.env.ClientAs(t, "watched-dev", "watched:developers", "approvers")
	made := claimed(t, dev, wish(namespace, "Watched", "one", `{"size":1}`))
	conditioned(t, dev, made, claim.ConditionApproved, claim.ReasonApprovalAwaited, "2 people of approvers")
	if got := approval.Requester(made); got != "watched-dev" {
		t.Errorf("the requester is %q", got)
	}
	forged := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"capability.roadbed.dev/requester":"bob"}}}`))
	if err := dev.Patch(t.Context(), made.DeepCopy(), forged); err == nil || !strings.Contains(err.Error(), "leave it as it is") {
		t.Errorf("the requester can be forged: %v", err)
	}
	forged = client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"capability.roadbed.dev/asked-by":"bob"}}}`))
	if err := dev.Patch(t.Context(), made.DeepCopy(), forged); err == nil || !strings.Contains(err.Error(), "asked-by") {
		t.Errorf("for whom it was asked can be forged: %v", err)
	}
	if err := p.approve(t, own, made, "own"); err == nil || !strings.Contains(err.Error(), "nobody approves his own") {
		t.Errorf("one's own claim can be approved: %v", err)
	}
	hidden := func(a *v1alpha1.ClaimApproval) { a.Spec.Requester = "somebody" }
	if err := p.approve(t, own, made, "own-hidden", hidden); err != nil {
		t.Error(err) // It may be made, and counts nothing.
	}
	if err := p.approve(t, dev, made, "stranger", hidden); err != nil {
		t.Error(err)
	}
	inName := func(a *v1alpha1.ClaimApproval) { a.Spec.Approver = "bob" }
	if err := p.approve(t, ann, made, "ann", inName); err != nil {
		t.Fatal(err)
	}
	conditioned(t, dev, made, claim.ConditionApproved, claim.ReasonApprovalAwaited, "and ann did")
	if err := p.approve(t, bob, made, "bob"); err != nil {
		t.Fatal(err)
	}
	ready(t, dev, made)
	conditioned(t, dev, made, claim.ConditionApproved, claim.ReasonApproved, "Approved by ann and bob.")
	deeds := p.deeds(namespace)
	for _, want := range []string{approvals.ActionGive + " ann", approvals.ActionGive + " bob", claim.ActionUseApproval + " one"} {
		if !slices.Contains(deeds, want) {
			t.Errorf("on the trail: %q, want %q among it", deeds, want)
		}
	}
	edit := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"size":2}}`))
	if err := dev.Patch(t.Context(), made, edit); err != nil {
		t.Fatal(err)
	}
	conditioned(t, dev, made, claim.ConditionApproved, claim.ReasonApprovalAwaited, "2 people of approvers")
	reject := func(a *v1alpha1.ClaimApproval) {
		a.Spec.Verdict, a.Spec.Reason = v1alpha1.ApprovalRejected, "too big"
	}
	if err := p.approve(t, bob, made, "no", reject); err != nil {
		t.Fatal(err)
	}
	conditioned(t, dev, made, claim.ConditionApproved, claim.ReasonRejected, "bob rejected the claim (too big)")
	p.testExpiry(t, ann, made)
}

// testExpiry wants the end of an approval to be told and recorded, once.
func (p *platform) testExpiry(t *testing.T, approver client.Client, of *unstructured.Unstructured) {
	t.Helper()
	soon := func(a *v1alpha1.ClaimApproval) {
		a.Spec.ExpiresAt = metav1.NewTime(time.Now().Add(2 * time.Second))
	}
	if err := p.approve(t, approver, of, "brief", soon); err != nil {
		t.Fatal(err)
	}
	brief := &v1alpha1.ClaimApproval{}
	kubetest.Eventually(t, patience, "the approval expires", func() error {
		if err := p.admin.Get(t.Context(), client.ObjectKey{Namespace: of.GetNamespace(), Name: "brief"}, brief); err != nil {
			return err
		}
		if told := condition.Get(brief.Status.Conditions, approvals.ConditionInForce); told == nil || told.Reason != approvals.ReasonExpired {
			return fmt.Errorf("conditions %v", brief.Status.Conditions)
		}
		return nil
	})
	var ended int
	for _, deed := range p.deeds(of.GetNamespace()) {
		if deed == approvals.ActionExpire+" brief" {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("its end is on the trail %d times", ended)
	}
}

// testOldRevisions wants revisions to go that nobody needs, and no others.
func testOldRevisions(t *testing.T, p *platform) {
	c := p.publish(t, variant("trimmed", "Trimmed", "  revisionHistoryLimit: 1\n"))
	namespace, dev := p.tenant(t, "trimmed", "tier-2", "internal")
	first := p.revisions(t, "trimmed", 1)[0].Name
	pinned := claimed(t, dev, wish(namespace, "Trimmed", "pinned", `{"size":1,"platform":{"updates":"Pinned"}}`))
	floating := claimed(t, dev, wish(namespace, "Trimmed", "floating", `{"size":1}`))
	rendered(t, p.admin, pinned, first)
	for number := int32(2); number <= 5; number++ {
		if err := p.admin.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			t.Fatal(err)
		}
		c.Spec.Versions[0].Provisioner.Template.Resources[0].Manifest.Raw = fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","data":{"size":"1","host":"h%d"}}`, number)
		if err := p.admin.Update(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		rendered(t, p.admin, floating, p.newest(t, "trimmed", number).Name)
	}
	left := func(want ...int32) {
		t.Helper()
		kubetest.Eventually(t, patience, "old revisions are gone", func() error {
			var all v1alpha1.CapabilityRevisionList
			if err := p.admin.List(t.Context(), &all); err != nil {
				return err
			}
			var got []int32
			for _, r := range revision.Of(all.Items, "trimmed", "v1") {
				got = append(got, r.Spec.Number)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("left are %v, want %v", got, want)
			}
			return nil
		})
	}
	left(5, 4, 1)
	rendered(t, p.admin, pinned, first)
	if err := p.admin.Delete(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	left()
}

// newest waits for the revision with a number.
func (p *platform) newest(t *testing.T, capability string, number int32) *v1alpha1.CapabilityRevision {
	t.Helper()
	var found *v1alpha1.CapabilityRevision
	kubetest.Eventually(t, patience, fmt.Sprintf("revision %d is made", number), func() error {
		var all v1alpha1.CapabilityRevisionList
		if err := p.admin.List(t.Context(), &all); err != nil {
			return err
		}
		known := revision.Of(all.Items, capability, "v1")
		if len(known) == 0 || known[0].Spec.Number != number {
			return fmt.Errorf("%d revisions", len(known))
		}
		found = known[0]
		return nil
	})
	return found
}

// testStops wants engines to come and go with their capabilities.
func testStops(t *testing.T, p *platform) {
	p.comeAndGo(t, p.publish(t, variant("passing", "Passing", "")))
}

func (p *platform) comeAndGo(t *testing.T, c *v1alpha1.Capability) {
	t.Helper()
	running := func(want bool) {
		t.Helper()
		kubetest.Eventually(t, patience, fmt.Sprintf("the engine runs: %v", want), func() error {
			if now := p.supervisor.Running(); slices.Contains(now, c.Name) != want {
				return fmt.Errorf("running are %v", now)
			}
			return nil
		})
	}
	running(true)
	if err := p.admin.Delete(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	running(false)
}

// unlisted has nobody list the claims that testUnlisted speaks of.
func unlisted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/unlisteds") {
			return nil, errDead
		}
		return next.RoundTrip(r)
	})
}

// testUnlisted wants an engine that never learns of its claims, and ends so, to
// hold up nobody else.
func testUnlisted(t *testing.T, p *platform) {
	c := p.publish(t, variant("unlisted", "Unlisted", ""))
	p.revisions(t, "unlisted", 1)
	p.publish(t, variant("listed", "Listed", ""))
	namespace, dev := p.tenant(t, "listed", "tier-2", "internal")
	ready(t, dev, claimed(t, dev, wish(namespace, "Listed", "one", `{"size":1}`)))
	p.comeAndGo(t, c)
	p.revisions(t, "unlisted", 0)
	ready(t, dev, claimed(t, dev, wish(namespace, "Listed", "two", `{"size":1}`)))
}
