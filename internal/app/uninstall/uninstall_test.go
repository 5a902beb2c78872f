package uninstall_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/uninstall"
	gatewayoperator "github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	gatewayrbac "github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// TestGates takes out an installation with all feature gates open: claims stay,
// with their data, and nothing of Roadbed's keeps them from being deleted.
func TestGates(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	open := map[string]bool{}
	for _, gate := range gates.All() {
		open[gate.Name] = true
	}
	apptest.Install(t, env.Admin, open)
	acting, err := app.ActingClient(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	claim := left(t, acting)

	opts := uninstall.Options{Config: env.Admin, Kinds: true}
	plan, err := uninstall.Look(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Unhook) != 1 || !slices.ContainsFunc(plan.Stays, func(s string) bool { return len(s) > 10 && s[:10] == "The claims" }) {
		t.Errorf("the plan ends the conversion of %v, and what stays is %q", plan.Unhook, plan.Stays)
	}
	if err := uninstall.Do(t.Context(), opts, plan); err != nil {
		t.Fatal(err)
	}
	if plan, err := uninstall.Look(t.Context(), opts); err != nil || !plan.Empty() {
		t.Errorf("afterwards there is still %+v to do: %v", plan, err)
	}
	for _, gone := range []client.Object{
		gatewayoperator.Class(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "home", Name: gatewayrbac.Reads}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "roadbed:gateway"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "roadbed-system", Name: "roadbed-gateway"}},
	} {
		if err := acting.Get(t.Context(), client.ObjectKeyFromObject(gone), gone); !apierrors.IsNotFound(err) {
			t.Errorf("%T %s is still there: %v", gone, gone.GetName(), err)
		}
	}
	if err := acting.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil || len(claim.GetFinalizers()) > 0 {
		t.Errorf("the claim is held by %v: %v", claim.GetFinalizers(), err)
	}
	// The API server looks at all versions when it deletes a namespace.
	claim.SetAPIVersion("claims.roadbed.dev/v1beta1")
	if err := acting.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil {
		t.Errorf("the claim cannot be read in another version: %v", err)
	}
}

// left makes what a server that ran would have left: a kind of claims with a
// webhook for its versions, a claim that is held, a class and a role.
func left(t *testing.T, c client.Client) *unstructured.Unstructured {
	t.Helper()
	open := &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}}
	kind := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "databases.claims.roadbed.dev", Labels: map[string]string{capabilityv1.LabelPublished: "true"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "claims.roadbed.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "databases", Kind: "Database"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
				{Name: "v1", Served: true, Storage: true, Schema: open}, {Name: "v1beta1", Served: true, Schema: open},
			},
			Conversion: &apiextensionsv1.CustomResourceConversion{
				Strategy: apiextensionsv1.WebhookConverter, Webhook: &apiextensionsv1.WebhookConversion{
					ClientConfig: &apiextensionsv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/convert")}, ConversionReviewVersions: []string{"v1"},
				},
			},
		},
	}
	claim := &unstructured.Unstructured{}
	claim.SetAPIVersion("claims.roadbed.dev/v1")
	claim.SetKind("Database")
	claim.SetNamespace("home")
	claim.SetName("orders")
	claim.SetFinalizers([]string{capabilityv1.ClaimFinalizer})
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "home"}}, kind, gatewayoperator.Class(),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "home", Name: gatewayrbac.Reads, Labels: map[string]string{gatewayrbac.Label: "true"}}},
	} {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("%T %s: %v", object, object.GetName(), err)
		}
	}
	kubetest.Eventually(t, apptest.Patience, "the kind is served", func() error { return c.Create(t.Context(), claim) })
	return claim
}
