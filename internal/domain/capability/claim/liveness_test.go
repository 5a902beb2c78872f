package claim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// gate has every request fail whose path ends so, and whose method is the one
// given if there is one, while it is shut. The zero gate is shut.
type gate struct {
	path, method string
	open         atomic.Bool
}

func (g *gate) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !g.open.Load() && strings.HasSuffix(r.URL.Path, g.path) && (g.method == "" || g.method == r.Method) {
			return nil, errDead
		}
		return next.RoundTrip(r)
	})
}

// testListed wants another engine where one has given up on listing its claims.
func (g *gate) testListed(t *testing.T, p *platform) {
	p.publish(t, variant("late", "Late", ""))
	var first *claim.Engine
	kubetest.Eventually(t, patience, "the engine is there", func() error {
		if first = p.supervisor.EngineOf("late"); first == nil {
			return errors.New("there is none")
		}
		return nil
	})
	kubetest.Eventually(t, patience, "another engine is there", func() error {
		if now := p.supervisor.EngineOf("late"); now == nil || now == first {
			return errors.New("there is none")
		}
		return nil
	})
	g.open.Store(true)
	namespace, dev := p.tenant(t, "late", "tier-2", "internal")
	ready(t, dev, claimed(t, dev, wish(namespace, "Late", "one", `{"size":1}`)))
}

// testUnlistedPart wants claims that consist of a kind that cannot be listed to say
// so, and to leave workers to those that do not.
func testUnlistedPart(t *testing.T, p *platform) {
	c := p.publish(t, variant("parted", "Parted", ""))
	namespace, dev := p.tenant(t, "parted", "tier-2", "internal")
	p.revisions(t, "parted", 1)
	pinned := claimed(t, dev, wish(namespace, "Parted", "pinned", `{"size":1,"platform":{"updates":"Pinned"}}`))
	ready(t, dev, pinned)
	p.change(t, c, func() {
		v := &c.Spec.Versions[0].Provisioner
		v.Permissions[0].Resources = append(v.Permissions[0].Resources, "persistentvolumeclaims")
		v.Template.Resources[2].IncludeWhen = nil
		v.Template.Resources[2].Manifest.Raw = []byte(`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"${claim.metadata.name}-disk"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}`)
	})
	p.newest(t, "parted", 2)
	var floating []*unstructured.Unstructured
	for i := range 9 { // one more than there are workers
		floating = append(floating, claimed(t, dev, wish(namespace, "Parted", fmt.Sprintf("floating-%d", i), `{"size":1}`)))
	}
	edit := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"size":2}}`))
	if err := dev.Patch(t.Context(), pinned, edit); err != nil {
		t.Fatal(err)
	}
	ready(t, dev, pinned)
	for _, each := range floating {
		conditioned(t, dev, each, claim.ConditionProvisioned, claim.ReasonUnavailable, "cannot be listed yet")
	}
}

// testMoved wants a claim to be looked at again when its namespace gets a tenant.
func testMoved(t *testing.T, p *platform) {
	p.publish(t, variant("moving", "Moving", ""))
	bare := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-moving"}}
	p.create(t, p.admin, bare)
	namespace, dev := p.tenant(t, "moving", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Moving", "one", `{"size":1}`))
	conditioned(t, dev, made, claim.ConditionAccepted, claim.ReasonNoTenant, namespace)
	adopt := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"moving","tenancy.roadbed.dev/tier":"tier-2"}}}`))
	if err := p.admin.Patch(t.Context(), bare, adopt); err != nil {
		t.Fatal(err)
	}
	ready(t, dev, made)
}

// deaf is a provisioner that does not hear that its time is over.
type deaf struct {
	rotating

	until atomic.Pointer[chan struct{}]
	at    atomic.Int32 // how many claims it is at
}

// unhearing is the provisioner of testDeaf.
var unhearing = &deaf{}

func (d *deaf) Ensure(context.Context, provision.Input, map[string][]byte) (provision.Output, error) {
	d.at.Add(1)
	<-*d.until.Load()
	return provision.Output{}, errDead
}

// testDeaf wants an engine that does not end to hold up no other capability.
func testDeaf(t *testing.T, p *platform) {
	hears := make(chan struct{})
	unhearing.until.Store(&hears)
	t.Cleanup(func() { close(hears) })
	c := p.publish(t, strings.NewReplacer("safe", "deaf", "Safe", "Deaf").Replace(safes))
	namespace, dev := p.tenant(t, "deaf", "tier-2", "internal")
	claimed(t, dev, wish(namespace, "Deaf", "one", `{}`))
	kubetest.Eventually(t, patience, "the provisioner is at work", func() error {
		if unhearing.at.Load() == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	if err := p.admin.Delete(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p.revisions(t, "deaf", 0)
	p.publish(t, variant("hearing", "Hearing", ""))
	ready(t, dev, claimed(t, dev, wish(namespace, "Hearing", "two", `{"size":1}`)))
}

// TestRolloutAfterARestart wants no wave to open by claims that nobody has looked
// at yet: an engine begins after the revisions of its capability are known.
func TestRolloutAfterARestart(t *testing.T) {
	t.Parallel()
	made := &gate{path: "/capabilityrevisions", method: http.MethodPost}
	made.open.Store(true)
	p := start(t, nil, made.wrap)
	c := p.publish(t, variant("waved", "Waved", "  rollout: {waves: [{tiers: [tier-3]}, {tiers: [tier-1]}]}\n"))
	third, low := p.tenant(t, "low", "tier-3", "internal")
	p.revisions(t, "waved", 1)
	early := claimed(t, low, wish(third, "Waved", "early", `{"size":1}`))
	ready(t, low, early)
	p.create(t, low, object("ConfigMap", third, "early-new")) // it is in the way
	p.change(t, c, func() {
		c.Spec.Versions[0].Provisioner.Template.Resources[2].IncludeWhen = nil
		c.Spec.Versions[0].Provisioner.Template.Resources[2].Manifest.Raw = []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${claim.metadata.name}-new"}}`)
	})
	two := p.newest(t, "waved", 2).Name
	p.rolling(t, two, claim.ReasonStopped, third+"/early")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	// The supervisor cannot make the revision of another version, and starts no
	// engine before it has.
	p.change(t, c, func() {
		c.Spec.Versions = append(c.Spec.Versions, *c.Spec.Versions[0].DeepCopy())
		c.Spec.Versions[1].Name, c.Spec.Versions[1].Storage = "v2", false
	})
	made.open.Store(false)
	p.run(t)
	p.rolling(t, two, claim.ReasonRollingOut, "not known yet")
	made.open.Store(true)
	p.rolling(t, two, claim.ReasonStopped, third+"/early")
}

// change changes a capability.
func (p *platform) change(t *testing.T, c *v1alpha1.Capability, how func()) {
	t.Helper()
	kubetest.Eventually(t, patience, "the capability is changed", func() error {
		if err := p.admin.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		how()
		return p.admin.Update(t.Context(), c)
	})
}

// rolling waits until a revision's rollout, with one open wave, has a reason and a
// message with the words.
func (p *platform) rolling(t *testing.T, name, reason, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, "the rollout says "+reason, func() error {
		r := &v1alpha1.CapabilityRevision{}
		if err := p.admin.Get(t.Context(), client.ObjectKey{Name: name}, r); err != nil {
			return err
		}
		rolled := condition.Get(r.Status.Conditions, claim.ConditionRolledOut)
		if rolled == nil || rolled.Reason != reason || r.Status.OpenWaves != 1 || !strings.Contains(rolled.Message, words) {
			return fmt.Errorf("status %+v", r.Status)
		}
		return nil
	})
}
