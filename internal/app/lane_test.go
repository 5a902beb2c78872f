package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// laneWorld is a server with its webhooks, on a plane of its own.
type laneWorld struct {
	env      *kubetest.Env
	registry *imagestest.Registry
	signer   *imagestest.Signer
	stranger *imagestest.Signer
	history  string
	trail    string
	stop     func() error
}

// TestLanes is about policies that the API server cannot evaluate: they are
// judged by the webhooks, and when nobody answers only images are refused.
func TestLanes(t *testing.T) {
	t.Parallel()
	w := &laneWorld{
		env: kubetest.Private(t), registry: imagestest.NewRegistry(t),
		signer: imagestest.NewSigner(t), stranger: imagestest.NewSigner(t),
		history: filepath.Join(t.TempDir(), "history.db"),
	}
	install := app.InstallOptions{Config: w.env.Admin, Webhook: app.WebhookLoopback, Log: testLog()}
	if err := app.Install(t.Context(), install); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	w.place(t, "shop", map[string]string{"environment": "production"})
	t.Run("nothing fails closed before a policy needs it", w.unasked)
	t.Run("lookups", w.lookups)
	t.Run("legacy", w.legacy)
	t.Run("roles", w.roles)
	signed, unsigned := w.images(t)
	t.Run("configurations are restored", w.restored)
	t.Run("beside a Kyverno nothing is asked", w.beside)
	t.Run("kinds that come later are judged", w.later)
	t.Run("what exists is judged", w.judged)
	t.Run("overrides waive until they end, in admission and in scans", w.overridden)
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	t.Run("without a server images are refused and nothing else", func(t *testing.T) { w.alone(t, signed, unsigned) })
	w.run(t)
	t.Run("a server that comes back judges again", func(t *testing.T) { w.admitted(t, pod("shop", "again", signed)) })
	t.Run("configurations go with the last policy", w.removed)
	if err := w.stop(); err != nil {
		t.Error(err)
	}
}

// run starts the server; stop stops it.
func (w *laneWorld) run(t *testing.T) {
	t.Helper()
	ready := make(chan app.Endpoints, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	dir := t.TempDir()
	w.trail = filepath.Join(dir, "trail.jsonl")
	go func() {
		done <- app.Run(ctx, app.Options{
			Config:    w.env.As(t, identity.Roadbed, identity.RoadbedGroups()...),
			TrailPath: w.trail, ExportDir: filepath.Join(dir, "exports"), Database: w.history,
			Ready: func(e app.Endpoints) { ready <- e }, Log: testLog(),
		})
	}()
	w.stop = func() error { cancel(); return <-done }
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(apptest.Patience):
		t.Fatal("the server is not ready")
	}
}

func (w *laneWorld) place(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	if err := w.env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "pods may be made in "+name, func() error {
		return w.env.Client.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
	})
}

// unasked wants no request to wait for an answer: the platform's own policies
// that look things up fail open.
func (w *laneWorld) unasked(t *testing.T) {
	err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &admissionv1.MutatingWebhookConfiguration{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("there is a configuration, or: %v", err)
	}
	var validating admissionv1.ValidatingWebhookConfiguration
	if err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &validating); client.IgnoreNotFound(err) != nil {
		t.Error(err)
	}
	for _, hook := range validating.Webhooks {
		if *hook.FailurePolicy != admissionv1.Ignore {
			t.Errorf("%s fails closed", hook.Name)
		}
	}
}

// lookups judges by an object that the request is not about.
func (w *laneWorld) lookups(t *testing.T) {
	w.put(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings"}, Data: map[string]string{"open": "yes"}})
	p := decoded(t, &policiesv1.ValidatingPolicy{}, `
metadata: {name: looks-up, labels: {policy.roadbed.dev/tier: mandatory}}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [services]}
  validations:
  - expression: resource.Get("v1", "configmaps", "shop", "settings").data.open == object.metadata.name
    message: the shop is closed for this service
`)
	w.put(t, p)
	w.enforced(t, p, enforce.ReasonEngine, "looks other objects up")
	w.refused(t, service("shop", "no"), "policy looks-up, rule validations[0] (Mandatory): the shop is closed for this service")
	w.admitted(t, service("shop", "yes"))
	if err := w.env.Client.Create(t.Context(), service("kube-system", "no"), client.DryRunAll); err != nil {
		t.Errorf("a system namespace depends on the webhook: %v", err)
	}
}

// legacy judges by a policy of old, with a context entry.
func (w *laneWorld) legacy(t *testing.T) {
	p := decoded(t, &kyvernov1.ClusterPolicy{}, `
metadata: {name: old}
spec:
  rules:
  - name: team
    match: {any: [{resources: {kinds: [ConfigMap], namespaces: [shop]}}]}
    context:
    - name: settings
      configMap: {name: settings, namespace: shop}
    validate:
      failureAction: Enforce
      message: "{{ settings.data.open }}, a team is missing"
      pattern: {metadata: {labels: {team: "?*"}}}
  - name: makes
    match: {any: [{resources: {kinds: [Namespace]}}]}
    generate: {apiVersion: v1, kind: ConfigMap, name: made, namespace: x, data: {}}
`)
	w.put(t, p)
	w.enforced(t, p, enforce.ReasonLegacy, "legacy lane: kyverno.io/v1 policies are interpreted")
	if c := condition.Get(p.GetConditions(), enforce.ConditionCompiled); c.Reason != enforce.ReasonInPart || !strings.Contains(c.Message, `"makes"`) {
		t.Errorf("the rule that is not supported is not named: %+v", c)
	}
	w.refused(t, config("shop", "c", nil), "policy old, rule team (Mandatory): validation error: yes, a team is missing")
	w.admitted(t, config("shop", "c", map[string]string{"team": "a"}))
	wrong := p.DeepCopy()
	wrong.Spec.Rules[0].Validate.Message = "{{ nobody.knows }}"
	if err := w.env.Client.Update(t.Context(), wrong, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "spec.rules[0]") {
		t.Errorf("a wrong policy is not refused with its field: %v", err)
	}
}

// roles judges by what is bound to the user.
func (w *laneWorld) roles(t *testing.T) {
	p := decoded(t, &kyvernov1.ClusterPolicy{}, `
metadata: {name: admins}
spec:
  background: false
  rules:
  - name: admins-only
    match: {any: [{resources: {kinds: [Secret], namespaces: [shop]}}]}
    exclude: {any: [{clusterRoles: [cluster-admin]}]}
    validate: {failureAction: Enforce, message: not for you, deny: {}}
`)
	w.put(t, p)
	w.enforced(t, p, enforce.ReasonLegacy, "")
	w.put(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "writers"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "writers"}},
	})
	w.refusedAs(t, w.env.ClientAs(t, "stranger", "writers"), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}}, "not for you")
	w.admitted(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}})
}

// images proves signatures, pins digests, and refuses the others.
func (w *laneWorld) images(t *testing.T) (signed, unsigned string) {
	p := decoded(t, &policiesv1.ImageValidatingPolicy{}, w.signedImages(t))
	w.put(t, p)
	w.enforced(t, p, enforce.ReasonEngine, "it verifies images")
	signed, digest := w.registry.Push(t, "shop/signed:1")
	w.signer.Sign(t, digest, nil)
	unsigned, _ = w.registry.Push(t, "shop/unsigned:1")
	foreign, foreignDigest := w.registry.Push(t, "shop/foreign:1")
	w.stranger.Sign(t, foreignDigest, nil)
	t.Run("unsigned images are refused", func(t *testing.T) {
		w.refused(t, pod("shop", "unsigned", unsigned), "it is not signed")
	})
	t.Run("images that others signed are refused", func(t *testing.T) {
		w.refused(t, pod("shop", "foreign", foreign), "none by")
	})
	t.Run("signed images are admitted and pinned", func(t *testing.T) {
		made := pod("shop", "signed", signed)
		w.put(t, made)
		if got := made.Spec.Containers[0].Image; !strings.HasSuffix(got, "@"+digest.DigestStr()) {
			t.Errorf("image %q is not pinned to %s", got, digest)
		}
	})
	return signed, unsigned
}

// signedImages is the example, with the test's registry and key.
func (w *laneWorld) signedImages(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/policies/require-signed-images.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "            -----BEGIN")
	_, after, ends := strings.Cut(rest, "END PUBLIC KEY-----\n")
	if !ok || !ends {
		t.Fatal("the example has no key")
	}
	indented := "            " + strings.ReplaceAll(strings.TrimSpace(w.signer.PEM), "\n", "\n            ") + "\n"
	return strings.ReplaceAll(before+indented+after, "registry.corp.example", w.registry.Host)
}

// restored brings back what somebody removes or changes.
func (w *laneWorld) restored(t *testing.T) {
	var validating admissionv1.ValidatingWebhookConfiguration
	if err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &validating); err != nil {
		t.Fatal(err)
	}
	changed := validating.DeepCopy()
	for i := range changed.Webhooks {
		changed.Webhooks[i].FailurePolicy = new(admissionv1.Ignore)
	}
	roadbed := w.env.ClientAs(t, identity.Roadbed, "system:masters") // Nobody else may.
	if err := roadbed.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	mutating := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: webhook.Name}}
	if err := roadbed.Delete(t.Context(), mutating); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "both are as before", func() error {
		var now admissionv1.ValidatingWebhookConfiguration
		if err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &now); err != nil {
			return err
		}
		for i := range now.Webhooks {
			if *now.Webhooks[i].FailurePolicy != *validating.Webhooks[i].FailurePolicy {
				return errors.New("a failure policy is still changed")
			}
		}
		return w.env.Client.Get(t.Context(), client.ObjectKeyFromObject(mutating), &admissionv1.MutatingWebhookConfiguration{})
	})
}

// alone is about the time when nobody answers.
func (w *laneWorld) alone(t *testing.T, signed, unsigned string) {
	for _, image := range []string{signed, unsigned} {
		err := w.env.Client.Create(t.Context(), pod("shop", "alone", image), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "images.") {
			t.Errorf("image %s is not refused by the webhook of images: %v", image, err)
		}
	}
	for name, object := range map[string]client.Object{
		"another image":                pod("shop", "other", "registry.other.example/web:1"),
		"what a lookup would refuse":   service("shop", "no"),
		"what a legacy policy refuses": config("shop", "c2", nil),
		"the image in kube-system":     pod("kube-system", "system", unsigned),
		"the image in Roadbed's own":   pod(identity.SystemNamespace, "system", unsigned),
	} {
		if err := w.env.Client.Create(t.Context(), object, client.DryRunAll); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
}

// removed wants nothing to be asked when no policy needs it.
func (w *laneWorld) removed(t *testing.T) {
	for _, object := range []client.Object{
		&policiesv1.ValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: "looks-up"}},
		&policiesv1.ImageValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: "require-signed-images"}},
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "old"}},
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "admins"}},
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "waivable"}},
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "widgets"}},
	} {
		if err := w.env.Client.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	kubetest.Eventually(t, patience, "no policy of the test is asked", func() error {
		var now admissionv1.MutatingWebhookConfiguration
		if err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &now); !apierrors.IsNotFound(err) {
			return fmt.Errorf("there is one still, or: %w", err)
		}
		return nil
	})
}

func (w *laneWorld) put(t *testing.T, object client.Object) {
	t.Helper()
	if err := w.env.Client.Create(t.Context(), object); err != nil {
		t.Fatalf("create %s: %v", object.GetName(), err)
	}
}

func (w *laneWorld) enforced(t *testing.T, object steps.Object, reason, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, object.GetName()+" is enforced", func() error {
		if err := w.env.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		c := condition.Get(object.GetConditions(), enforce.ConditionEnforced)
		if c == nil || c.Reason != reason || !strings.Contains(c.Message, words) {
			return fmt.Errorf("conditions %+v", object.GetConditions())
		}
		return nil
	})
}

func (w *laneWorld) refused(t *testing.T, object client.Object, words string) {
	t.Helper()
	w.refusedAs(t, w.env.Client, object, words)
}

func (w *laneWorld) refusedAs(t *testing.T, as client.Client, object client.Object, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, "it is refused with "+words, func() error {
		err := as.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), words) {
			return fmt.Errorf("got: %w", err)
		}
		return nil
	})
}

func (w *laneWorld) admitted(t *testing.T, object client.Object) {
	t.Helper()
	kubetest.Eventually(t, patience, "it is admitted", func() error {
		return w.env.Client.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
	})
}

func decoded[T client.Object](t *testing.T, into T, source string) T {
	t.Helper()
	if err := yaml.Unmarshal([]byte(source), into); err != nil {
		t.Fatal(err)
	}
	return into
}

func pod(namespace, name, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
	}
}

func service(namespace, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

func config(namespace, name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
}
