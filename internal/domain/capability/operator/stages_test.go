package operator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// heard keeps the warnings that the API server gives, as kubectl shows them.
type heard struct {
	mu   sync.Mutex
	said []string // guarded by mu
}

func (h *heard) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, text)
}

// Whoever uses a deprecated version by kubectl is told so, and of its successor.
func TestKubectlWarnsOfDeprecatedVersions(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.publish(t, "lathe", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`))
	begun, ends := metav1.Now(), metav1.NewTime(time.Now().Add(400*24*time.Hour))
	if err := p.change(t, c, func(c *v1alpha1.Capability) {
		next := version("v2", v1alpha1.StageGA, `"size":{"type":"integer"}`)
		next.Storage, c.Spec.Versions[0].Storage = true, false
		first := &c.Spec.Versions[0]
		first.Stage, first.Deprecated, first.Sunset, first.Successor = v1alpha1.StageDeprecated, &begun, &ends, "v2"
		c.Spec.Versions = append(c.Spec.Versions, next)
	}); err != nil {
		t.Fatal(err)
	}
	p.ready(t, c)
	listener := &heard{}
	config := rest.CopyConfig(p.env.Admin)
	config.WarningHandlerWithContext = listener
	kubectl, err := client.New(config, client.Options{Scheme: p.env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := p.place(t, "lathes", "dev")
	for _, name := range []string{"v2", "v1"} {
		if err := kubectl.Create(t.Context(), claim(c, name, namespace, "for-"+name, map[string]any{"size": int64(1)})); err != nil {
			t.Fatal(err)
		}
		listener.mu.Lock()
		said := strings.Join(listener.said, "\n")
		listener.mu.Unlock()
		warned := strings.Contains(said, ends.UTC().Format(time.DateOnly)) && strings.Contains(said, "v2")
		if warned != (name == "v1") {
			t.Errorf("whoever claims %s hears %q", name, said)
		}
	}
}

// A Capability takes none of the platform's own names, whoever publishes it.
func TestPlatformsNamesAreTaken(t *testing.T) {
	t.Parallel()
	p := start(t)
	one := version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`)
	one.Storage = true
	err := p.client.Create(t.Context(), &v1alpha1.Capability{
		ObjectMeta: metav1.ObjectMeta{Name: "platform-api"},
		Spec: v1alpha1.CapabilitySpec{
			Description: "Something that nobody should publish.", Layer: v1alpha1.LayerData, Owner: v1alpha1.CapabilityOwner{Team: "data"},
			Names: v1alpha1.ClaimNames{Kind: "Proxy", Plural: "proxies"}, Versions: []v1alpha1.CapabilityVersion{one},
		},
	})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "HTTP API's own account") {
		t.Errorf("it is published: %v", err)
	}
}

// The label that says which version a claim is of opens no alpha version: not
// when a claim is made, not later, and not in production.
func TestLabelsDoNotOpenAlpha(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.ensure(t, &v1alpha1.FeatureFlag{
		ObjectMeta: metav1.ObjectMeta{Name: "press-alpha"}, Spec: v1alpha1.FeatureFlagSpec{Targets: v1alpha1.FlagTargets{Tenants: []string{"pressers"}}},
	})
	alpha := version("v2alpha1", v1alpha1.StageAlpha, `"size":{"type":"integer"}`)
	alpha.Flag = "press-alpha"
	c := p.publish(t, "press", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`), alpha)
	try := func(namespace, label string) error {
		made := claim(c, "v1", namespace, "one", map[string]any{"size": int64(1)})
		made.SetLabels(map[string]string{v1alpha1.LabelVersion: label})
		return p.client.Create(t.Context(), made, client.DryRunAll)
	}
	shut, prod, open := p.place(t, "readers", "dev"), p.place(t, "pressers", "prod"), p.place(t, "pressers", "dev")
	for namespace, why := range map[string]string{shut: "roadbed flag enable press-alpha --tenant readers", prod: "not for production"} {
		kubetest.Eventually(t, patience, "made with the label in "+namespace, func() error {
			if err := try(namespace, "v2alpha1"); err == nil || !strings.Contains(err.Error(), why) {
				return fmt.Errorf("create = %w, want %q", err, why)
			}
			return nil
		})
		made := claim(c, "v1", namespace, "one", map[string]any{"size": int64(1)})
		if err := p.client.Create(t.Context(), made); err != nil {
			t.Fatalf("v1: %v", err)
		}
		label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+v1alpha1.LabelVersion+`":"v2alpha1"}}}`))
		refused(t, p.client.Patch(t.Context(), made, label), why)
	}
	kubetest.Eventually(t, patience, "the flag opens it", func() error { return try(open, "v2alpha1") })
}

// A claim counts for its own version from the beginning: nobody has accepted any
// here, and the version of each stays for it all the same.
func TestClaimsHoldTheirOwnVersion(t *testing.T) {
	t.Parallel()
	p := start(t)
	alpha := version("v2alpha1", v1alpha1.StageAlpha, `"size":{"type":"integer"}`)
	alpha.Flag = "plane-alpha"
	p.ensure(t, &v1alpha1.FeatureFlag{
		ObjectMeta: metav1.ObjectMeta{Name: "plane-alpha"}, Spec: v1alpha1.FeatureFlagSpec{Targets: v1alpha1.FlagTargets{Tenants: []string{"planers"}}},
	})
	c := p.publish(t, "plane", version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`), alpha)
	made := claim(c, "v1", p.place(t, "planers", "dev"), "one", map[string]any{"size": int64(1)})
	made.SetLabels(map[string]string{v1alpha1.LabelVersion: "v2alpha1"})
	kubetest.Eventually(t, patience, "it is claimed", func() error { return p.client.Create(t.Context(), made.DeepCopy()) })
	over := metav1.NewTime(p.clock.Now().Add(time.Hour))
	refused(t, p.change(t, c, func(c *v1alpha1.Capability) {
		v := capability.Version(c, "v2alpha1")
		v.Stage, v.Deprecated, v.Sunset = v1alpha1.StageRemoved, new(metav1.NewTime(p.clock.Now())), &over
	}), "still claimed by "+made.GetNamespace()+"/one")
}

// Who misspells one of Roadbed's own provisioners is told so at once, with those
// there are; what was published already can be changed in other respects.
func TestBuiltinsAreKnown(t *testing.T) {
	t.Parallel()
	p := start(t)
	one := version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`)
	c := p.publish(t, "bellow", one)
	wrong := func(c *v1alpha1.Capability) { c.Spec.Versions[0].Provisioner.Builtin.Name = "postgress" }
	refused(t, p.change(t, c, wrong), "spec.versions[0].provisioner.builtin.name", `"postgress"`, `"none"`)
	other := &v1alpha1.Capability{ObjectMeta: metav1.ObjectMeta{Name: "misspelt"}, Spec: *c.Spec.DeepCopy()}
	other.Spec.Names = v1alpha1.ClaimNames{Kind: "Misspelt", Plural: "misspelts"}
	wrong(other)
	refused(t, p.client.Create(t.Context(), other), `"postgress"`, `"none"`)
}

// A template that cannot render any claim is refused when it is published, and not
// told to those who claim.
func TestProvisionersAreJudged(t *testing.T) {
	t.Parallel()
	p := start(t)
	one := version("v1", v1alpha1.StageGA, `"size":{"type":"integer","default":1}`)
	c := p.publish(t, "flask", one)
	manifest := `{"apiVersion":"v1","kind":"ConfigMap","data":{"size":"${string(spec.sise)}"}}`
	refused(t, p.change(t, c, func(c *v1alpha1.Capability) {
		c.Spec.Versions[0].Provisioner = v1alpha1.Provisioner{Type: v1alpha1.ProvisionerTemplate, Template: &v1alpha1.TemplateProvisioner{
			Resources: []v1alpha1.TemplateResource{{ID: "settings", Manifest: runtime.RawExtension{Raw: []byte(manifest)}}},
		}}
	}), "spec.versions[0].provisioner.template.resources[settings].manifest.data.size", "undefined field 'sise'")
}
