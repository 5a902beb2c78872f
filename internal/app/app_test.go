package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// TestServer goes the way of "roadbed up": the core guards are the API server's
// own files, Roadbed is installed and runs with its own rights.
func TestServer(t *testing.T) {
	t.Parallel()
	var files []standalone.Manifest
	for _, each := range guards.Static() {
		files = append(files, standalone.Manifest{Name: each.Name, Data: each.Data})
	}
	for _, each := range policies.Static() {
		files = append(files, standalone.Manifest{Name: each.Name, Data: each.Data})
	}
	env := kubetest.Private(t, kubetest.WithAdmission(files...))
	foreign := kyvernosOwn(t, env)
	var notices []string
	install := app.InstallOptions{Notice: func(sentence string) { notices = append(notices, sentence) }, Config: env.Admin, StaticGuards: true, Webhook: app.WebhookLoopback, Log: testLog()}
	for range 2 { // The second time upgrades what the first one made.
		if err := app.Install(t.Context(), install); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Kyverno's kinds are made where they are absent", func(t *testing.T) { kinds(t, env, foreign, notices) })
	t.Run("they take what Kyverno's take", func(t *testing.T) { acceptsAll(t, env) })
	reached, stop := serve(t, env)
	t.Run("a tenant becomes ready", func(t *testing.T) { onboard(t, env) })
	t.Run("a wrong tenant is refused at once", func(t *testing.T) { refused(t, env) })
	t.Run("a new tenant has its finalizer at once", func(t *testing.T) { held(t, env) })
	t.Run("policies are in force", func(t *testing.T) { governs(t, env) })
	t.Run("the server writes no guards", func(t *testing.T) { confined(t, env) })
	t.Run("wrong policies are refused", func(t *testing.T) { advises(t, env) })
	t.Run("health is told", func(t *testing.T) { healthy(t, reached) })
	t.Run("reports are Kubernetes objects", func(t *testing.T) { reported(t, env) })
	if err := stop(); err != nil {
		t.Error(err)
	}
	t.Run("reports keep no namespace from ending", func(t *testing.T) { withdrawn(t, env) })
	t.Run("Mandatory policies hold without a server", func(t *testing.T) { holds(t, env) })
}

// kyvernosOwn makes one of Kyverno's definitions as somebody else would.
func kyvernosOwn(t *testing.T, env *kubetest.Env) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "policyexceptions.kyverno.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "kyverno.io",
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "policyexceptions", Kind: "PolicyException"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v2", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
	if err := env.Client.Create(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	return definition
}

// acceptsAll wants the kinds to take what Kyverno's take, in every version and
// form, with fields that nobody drops.
func acceptsAll(t *testing.T, env *kubetest.Env) {
	t.Helper()
	text, err := os.ReadFile("testdata/kyverno.yaml")
	if err != nil {
		t.Fatal(err)
	}
	strict := client.WithFieldValidation(env.Client, metav1.FieldValidationStrict)
	documents, mistakes := yamldoc.Split("kyverno.yaml", text)
	if len(mistakes) > 0 || len(documents) < 5 {
		t.Fatalf("%d documents, %v", len(documents), mistakes)
	}
	for _, document := range documents {
		object := &unstructured.Unstructured{Object: document.Object()}
		if object.GetAPIVersion() == "kyverno.io/v2beta1" && object.GetKind() == "PolicyException" {
			continue // its definition is somebody else's here
		}
		if err := strict.Create(t.Context(), object, client.DryRunAll); err != nil {
			t.Errorf("line %d: %v", document.Line, err)
		}
	}
}

// kinds wants Kyverno's kinds in all their versions, but for the one that was
// there before: that is left as it was, and said so each time.
func kinds(t *testing.T, env *kubetest.Env, foreign *apiextensionsv1.CustomResourceDefinition, notices []string) {
	t.Helper()
	for name, versions := range map[string]int{
		"validatingpolicies.policies.kyverno.io": 3, "imagevalidatingpolicies.policies.kyverno.io": 3,
		"namespacedmutatingpolicies.policies.kyverno.io": 2, "policyexceptions.policies.kyverno.io": 3,
		"clusterpolicies.kyverno.io": 2, "policies.kyverno.io": 2,
	} {
		var definition apiextensionsv1.CustomResourceDefinition
		if err := env.Client.Get(t.Context(), client.ObjectKey{Name: name}, &definition); err != nil {
			t.Error(err)
		} else if len(definition.Spec.Versions) != versions || definition.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
			t.Errorf("%s has %d versions and labels %v", name, len(definition.Spec.Versions), definition.Labels)
		}
	}
	live := foreign.DeepCopy()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(foreign), live); err != nil {
		t.Fatal(err)
	}
	if live.Generation != foreign.Generation || len(live.Labels) > 0 {
		t.Errorf("Kyverno's own definition was changed: labels %v, generation %d", live.Labels, live.Generation)
	}
	if len(notices) != 2 || !strings.Contains(notices[1], foreign.Name) {
		t.Errorf("notices %q do not name %s once for each installation", notices, foreign.Name)
	}
}

func testLog() *slog.Logger {
	if os.Getenv("ROADBED_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// serve runs the server until stop.
func serve(t *testing.T, env *kubetest.Env) (reached app.Endpoints, stop func() error) {
	t.Helper()
	ready := make(chan app.Endpoints, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- app.Run(ctx, app.Options{
			Config:    env.As(t, identity.Roadbed, identity.RoadbedGroups()...),
			TrailPath: filepath.Join(t.TempDir(), "trail.jsonl"),
			ExportDir: t.TempDir(), ReportsAPI: true,
			Ready: func(e app.Endpoints) { ready <- e },
			Log:   testLog(),
		})
	}()
	stop = func() error { cancel(); return <-done }
	select {
	case reached = <-ready:
	case err := <-done:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(apptest.Patience):
		t.Fatal("the server is not ready")
	}
	return reached, stop
}

func onboard(t *testing.T, env *kubetest.Env) {
	unit := &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{Name: "retail"},
		Spec: v1alpha1.BusinessUnitSpec{
			Jurisdictions: []string{"uk"},
			Envelope:      corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("1000")},
		},
	}
	if err := env.Client.Create(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Create(t.Context(), tenant("payments", "retail")); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the tenant is ready", func() error {
		var now v1alpha1.Tenant
		if err := env.Client.Get(t.Context(), client.ObjectKey{Name: "payments"}, &now); err != nil {
			return err
		}
		if !condition.IsTrue(now.Status.Conditions, condition.Ready) {
			return fmt.Errorf("conditions %+v", now.Status.Conditions)
		}
		return nil
	})
}

func tenant(name, unit string) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.TenantSpec{
			Owner: "team-" + name, BusinessUnit: unit, Tier: "tier-1", Jurisdictions: []string{"uk"}, CostCenter: "CC-1",
			Access: v1alpha1.TenantAccess{Admins: []v1alpha1.Subject{{Kind: "Group", Name: "corp:" + name}}},
		},
	}
}

// refused asks with a dry run, so nothing but the webhook can answer.
func refused(t *testing.T, env *kubetest.Env) {
	wrong := tenant("wrong", "retail")
	wrong.Spec.Tier = "tier-9"
	kubetest.Eventually(t, patience, "the webhook refuses", func() error {
		err := env.Client.Create(t.Context(), wrong.DeepCopy(), client.DryRunAll)
		if !apierrors.IsInvalid(err) {
			return fmt.Errorf("the answer is another one: %w", err)
		}
		if !strings.Contains(err.Error(), "spec.tier") {
			return fmt.Errorf("%w does not name the field", err)
		}
		return nil
	})
}

// held asks with a dry run, of which no controller hears.
func held(t *testing.T, env *kubetest.Env) {
	kubetest.Eventually(t, patience, "the webhook gives the finalizer", func() error {
		made := tenant("held", "retail")
		if err := env.Client.Create(t.Context(), made, client.DryRunAll); err != nil {
			return err
		}
		if len(made.Finalizers) != 1 || made.Finalizers[0] != v1alpha1.Finalizer {
			return fmt.Errorf("finalizers %q", made.Finalizers)
		}
		return nil
	})
}

func healthy(t *testing.T, reached app.Endpoints) {
	for _, url := range []string{
		"http://" + reached.Health + "/healthz",
		"http://" + reached.Health + "/readyz",
		"http://" + reached.Metrics + "/metrics",
	} {
		if _, err := get(url); err != nil {
			t.Error(err)
		}
	}
	body, err := get("http://" + reached.Health + "/domains")
	if err != nil {
		t.Fatal(err)
	}
	var domains []health.Domain
	if err := json.Unmarshal(body, &domains); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"capability", "gateway", "policy", "tenancy"} {
		if len(domains) != 4 || domains[i].Name != name || domains[i].Health != "ok" {
			t.Errorf("domains %+v", domains)
		}
	}
}

func get(url string) (body []byte, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err = io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %s", url, answer.Status, body)
	}
	return body, err
}
