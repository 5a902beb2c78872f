package capabilities_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// gates are those of the test's platform.
func gates() map[string]bool {
	return map[string]bool{gateways.Gate: true, capabilities.Gate: true}
}

// provisioned: what the platform brings along works from the start, or says what
// it lacks, and so do services of teams.
func provisioned(t *testing.T, env *kubetest.Env) {
	t.Helper()
	tenant := &tenancyv1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: "ledger"}, Spec: tenancyv1.TenantSpec{
		Owner: "team-ledger", BusinessUnit: "retail", Tier: "tier-1", Jurisdictions: []string{"uk"}, CostCenter: "CC-1",
		Namespaces: []tenancyv1.TenantNamespace{{Name: "prod"}},
		Access:     tenancyv1.TenantAccess{Admins: []tenancyv1.Subject{{Kind: "Group", Name: "corp:ledger"}}},
	}}
	if err := env.Client.Create(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	ready(t, env.Client, object("tenancy.roadbed.dev/v1alpha1", "Tenant", "", "ledger"))
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(tenant), tenant); err != nil {
		t.Fatal(err)
	}
	namespace := tenant.Status.Namespaces[0].Name
	person := env.ClientAs(t, "grace", "corp:ledger")
	t.Run("together", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *kubetest.Env, client.Client, string){
			"environments": testEnvironments, "buckets": testBuckets, "services": testServices,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, env, person, namespace) })
		}
	})
}

// wished makes a claim as soon as its kind is served.
func wished(t *testing.T, c client.Client, kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	t.Helper()
	made := object("claims.roadbed.dev/v1", kind, namespace, name)
	made.Object["spec"] = spec
	kubetest.Eventually(t, patience, "the tenant's people may claim", func() error { return c.Create(t.Context(), made) })
	return made
}

// told waits until the claim's condition Ready has a message with the words.
func told(t *testing.T, c client.Client, claim *unstructured.Unstructured, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("%s says %q", claim.GetName(), words), func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(claim.Object, "status", "conditions")
		text, err := json.Marshal(conditions)
		if err != nil || !strings.Contains(string(text), words) {
			return fmt.Errorf("conditions %s, %w", text, err)
		}
		return nil
	})
}

func gone(t *testing.T, c client.Client, claim *unstructured.Unstructured) {
	t.Helper()
	if err := c.Delete(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, claim.GetName()+" is gone", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// testEnvironments: a claim is another namespace of the tenant, isolated as the
// first, and leaves the tenant's wishes with the claim.
func testEnvironments(t *testing.T, env *kubetest.Env, person client.Client, namespace string) {
	claim := wished(t, person, "Environment", namespace, "stage", map[string]any{
		"environment": "staging", "platform": map[string]any{"deletionPolicy": "Delete"},
	})
	ready(t, person, claim)
	name, _, _ := unstructured.NestedString(claim.Object, "status", "namespace")
	made := &corev1.Namespace{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: name}, made); err != nil || made.Labels[tenancyv1.LabelTenant] != "ledger" || made.Labels[tenancyv1.LabelEnvironment] != "staging" {
		t.Errorf("namespace %q has the labels %v: %v", name, made.Labels, err)
	}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "a"}}
	kubetest.Eventually(t, patience, "the tenant's people may work there", func() error { return person.Create(t.Context(), settings) })
	twice := wished(t, person, "Environment", namespace, "again", map[string]any{"environment": "prod"})
	told(t, person, twice, `has an environment \"prod\" already`)
	gone(t, person, claim)
	tenant := &tenancyv1.Tenant{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: "ledger"}, tenant); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(tenant.Spec.Namespaces, func(n tenancyv1.TenantNamespace) bool { return n.Name == "staging" }) {
		t.Errorf("the environment is wished for after the claim: %v", tenant.Spec.Namespaces)
	}
}

// testBuckets: without an object store claims say what is missing, and hear of a
// change without a restart. With one, the module test/buckets tests them.
func testBuckets(t *testing.T, env *kubetest.Env, person client.Client, namespace string) {
	claim := wished(t, person, "Bucket", namespace, "files", map[string]any{})
	told(t, person, claim, "the platform has no object store")
	offered := object("capability.roadbed.dev/v1alpha1", "Capability", "", "buckets")
	told(t, env.Client, offered, `"reason":"ProvisionerUnavailable","status":"False","type":"Available"`)
	told(t, env.Client, offered, `Claims wait: provisioner \"s3\": the platform has no object store: the platform team names one by the key object-store of Secret roadbed-system/roadbed-backends`)
	given := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: capabilities.BackendsSecret},
		StringData: map[string]string{capabilities.BackendObjectStore: "https://key:hush@s3.example"},
	}
	if err := env.Client.Create(t.Context(), given); err != nil {
		t.Fatal(err)
	}
	told(t, env.Client, offered, "names no iam") // heard of at once, by the Secret
	told(t, person, claim, "names no iam")
	if text, err := json.Marshal(claim); err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("the claim tells a secret: %v", err)
	}
	last := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"platform":{"deletionPolicy":"Snapshot"}}}`))
	if err := person.Patch(t.Context(), claim, last); err != nil {
		t.Fatal(err)
	}
	told(t, person, claim, "cannot save what it deletes")
	gone(t, person, claim) // nothing was made for it, so there is nothing to wait for
	withdrawn(t, env)
}

// withdrawn: a capability that is taken away does not come back when the platform
// is installed again, as it is at each start.
func withdrawn(t *testing.T, env *kubetest.Env) {
	t.Helper()
	kept := object("capability.roadbed.dev/v1alpha1", "Capability", "", "buckets")
	kubetest.Eventually(t, patience, "the capability may be withdrawn", func() error { return env.Client.Delete(t.Context(), kept) })
	missing := func() error {
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(kept), kept); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	}
	kubetest.Eventually(t, patience, "the capability is gone", missing)
	apptest.Install(t, env.Admin, gates())
	if err := missing(); err != nil {
		t.Errorf("a withdrawn capability is back: %v", err)
	}
}

// testServices: a capability's team provisions by a service of its own, which
// knows Roadbed by the token in a Secret that is for this capability.
func testServices(t *testing.T, env *kubetest.Env, person client.Client, namespace string) {
	var mu sync.Mutex
	var asked []string // guarded by mu
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method)
		mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			http.Error(w, "who is it?", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"ready":true,"endpoint":"q.example:1","connection":{"host":"q.example"}}`)
	}))
	t.Cleanup(server.Close)
	queues := object("capability.roadbed.dev/v1alpha1", "Capability", "", "queues")
	queues.Object["spec"] = map[string]any{
		"description": "queues of the messaging team, for tests", "layer": "data", "owner": map[string]any{"team": "messaging"},
		"names": map[string]any{"kind": "Queue", "plural": "queues"},
		"versions": []any{map[string]any{
			"name": "v1", "stage": "ga", "storage": true, "schema": map[string]any{"spec": map[string]any{"type": "object", "default": map[string]any{}}},
			"connection": map[string]any{"secretKeys": []any{"host"}},
			"provisioner": map[string]any{"type": "HTTP", "http": map[string]any{
				"url": server.URL, "tokenSecret": "queues-token", "caBundle": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			}},
		}},
	}
	token := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: "queues-token"},
		StringData: map[string]string{"token": "t0ken\n"},
	}
	for _, each := range []client.Object{token, queues} {
		if err := env.Client.Create(t.Context(), each); err != nil {
			t.Fatal(err)
		}
	}
	ready(t, env.Client, queues)
	claim := wished(t, person, "Queue", namespace, "events", map[string]any{})
	told(t, person, claim, "is not for this capability: it must be of type Opaque and have the label "+v1alpha1.LabelCapability+"=queues")
	token.Labels = map[string]string{v1alpha1.LabelCapability: "queues"}
	if err := env.Client.Update(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	ready(t, person, claim)
	gone(t, person, claim)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(asked, http.MethodDelete) {
		t.Errorf("the service was asked for %v", asked)
	}
}
