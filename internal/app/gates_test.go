package app_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestGatesOfAnEarlierInstallation upgrades one that has neither the gateway nor
// capabilities, in a cluster whose Gateway API is somebody else's and too old: the
// server leaves out what it cannot have, and what it can is there after the next
// installation.
func TestGatesOfAnEarlierInstallation(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	closed := map[string]bool{"Gateway": false, "Capabilities": false}
	apptest.Install(t, env.Admin, closed)
	domains := func(gates map[string]bool) []string {
		options := apptest.Options(t.TempDir(), env.As(t, identity.Roadbed, identity.RoadbedGroups()...), gates)
		reached, stop := apptest.Start(t, options)
		defer stop()
		return named(t, reached)
	}
	before := []string{"policy", "tenancy"}
	if got := domains(closed); !slices.Equal(got, before) {
		t.Errorf("with closed gates there are %v, want %v", got, before)
	}
	if got := domains(nil); !slices.Equal(got, before) {
		t.Errorf("before the new installation there are %v, want %v", got, before)
	}

	if err := env.Client.Create(t.Context(), oldBackendTLS()); err != nil {
		t.Fatal(err)
	}
	apptest.Install(t, env.Admin, nil)
	if got, want := domains(nil), []string{"capability", "policy", "tenancy"}; !slices.Equal(got, want) {
		t.Errorf("beside an old Gateway API there are %v, want %v", got, want)
	}

	var notices []string
	err := app.Install(t.Context(), app.InstallOptions{
		Config: env.Admin, Webhook: app.WebhookService, Deployment: true, Log: apptest.Log(),
		Notice: func(sentence string) { notices = append(notices, sentence) },
	})
	if err != nil {
		t.Fatalf("an old Gateway API of somebody else's keeps from installing: %v", err)
	}
	said := strings.Join(notices, "\n")
	for _, words := range []string{"left as they are: backendtlspolicies.gateway.networking.k8s.io", "does not serve BackendTLSPolicy.gateway.networking.k8s.io in v1, so platform-api is not made"} {
		if !strings.Contains(said, words) {
			t.Errorf("nobody is told %q:\n%s", words, said)
		}
	}
}

// named are the names of the domains that a server says it runs.
func named(t *testing.T, reached app.Endpoints) []string {
	t.Helper()
	body, err := get("http://" + reached.Health + "/domains")
	if err != nil {
		t.Fatal(err)
	}
	var domains []health.Domain
	if err := json.Unmarshal(body, &domains); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range domains {
		names = append(names, each.Name)
	}
	return names
}

// oldBackendTLS is the definition of BackendTLSPolicy as Gateway API 1.2 served it, as
// far as it matters.
func oldBackendTLS() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name: "backendtlspolicies.gateway.networking.k8s.io",
			Annotations: map[string]string{
				"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2997", "gateway.networking.k8s.io/bundle-version": "v1.2.0",
			},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "gateway.networking.k8s.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "backendtlspolicies", Singular: "backendtlspolicy", Kind: "BackendTLSPolicy", ListKind: "BackendTLSPolicyList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1alpha3", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}},
			}},
		},
	}
}
