package capabilities_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = 60 * time.Second

// TestPlatform goes the way of a team: a capability is there; one of the
// tenant's people claims a database, and one of its workloads another over HTTP,
// with its own token and nothing set up for it; both are connected to; nobody takes
// the capability away while it is claimed.
func TestPlatform(t *testing.T) {
	t.Parallel()
	postgrestest.Need(t)
	env := kubetest.Private(t)
	apptest.Install(t, env.Admin, gates())
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	url := gatewayAt(t, env, int64(freeport.Draw(t).Port()))
	options := apptest.Options(dir, env.As(t, identity.Roadbed, identity.RoadbedGroups()...), gates())
	reached := apptest.Run(t, options)
	onboard(t, env)
	capability := published(t, env)
	person, err := client.New(env.As(t, "ada", "corp:payments"), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	connected(t, person, claimed(t, person))

	workload := caller{url, token(t, env.Client, "tenant-payments", "default", "platform-api")}
	connected(t, person, claimedOverHTTP(t, workload))
	recorded(t, options.TrailPath)
	listed(t, workload)
	consumed(t, env, reached.Health, workload)
	refused(t, workload, token(t, env.Client, "tenant-payments", "default", "another"))
	people(t, env, url, options.TrailPath)
	limited(t, workload)
	provisioned(t, env)

	if err := env.Client.Delete(t.Context(), capability); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("a capability in use is deleted: %v", err)
	}
}

func onboard(t *testing.T, env *kubetest.Env) {
	t.Helper()
	for _, object := range []client.Object{
		&tenancyv1.BusinessUnit{ObjectMeta: metav1.ObjectMeta{Name: "retail"}, Spec: tenancyv1.BusinessUnitSpec{
			Jurisdictions: []string{"uk"}, Envelope: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("1000")},
		}},
		&tenancyv1.Tenant{ObjectMeta: metav1.ObjectMeta{Name: "payments"}, Spec: tenancyv1.TenantSpec{
			Owner: "team-payments", BusinessUnit: "retail", Tier: "tier-1", Jurisdictions: []string{"uk"}, CostCenter: "CC-1",
			Access: tenancyv1.TenantAccess{Admins: []tenancyv1.Subject{{Kind: "Group", Name: "corp:payments"}}},
		}},
	} {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	ready(t, env.Client, object("tenancy.roadbed.dev/v1alpha1", "Tenant", "", "payments"))
}

func object(version, kind, namespace, name string) *unstructured.Unstructured {
	made := &unstructured.Unstructured{}
	made.SetAPIVersion(version)
	made.SetKind(kind)
	made.SetNamespace(namespace)
	made.SetName(name)
	return made
}

// ready waits until an object's condition Ready is true.
func ready(t *testing.T, c client.Client, live *unstructured.Unstructured) {
	t.Helper()
	kubetest.Eventually(t, patience, live.GetKind()+" is ready", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, each := range conditions {
			if is, ok := each.(map[string]any); ok && is["type"] == "Ready" && is["status"] == "True" {
				return nil
			}
		}
		return fmt.Errorf("conditions %v", conditions)
	})
}

// published is a capability that the platform brings along.
func published(t *testing.T, env *kubetest.Env) client.Object {
	t.Helper()
	capability := object("capability.roadbed.dev/v1alpha1", "Capability", "", "databases")
	ready(t, env.Client, capability)
	return capability
}

func claimed(t *testing.T, c client.Client) *unstructured.Unstructured {
	t.Helper()
	claim := object("claims.roadbed.dev/v1", "Database", "tenant-payments", "orders")
	kubetest.Eventually(t, patience, "the tenant's people may claim", func() error { return c.Create(t.Context(), claim) })
	ready(t, c, claim)
	return claim
}

// connected reads the connection Secret as the tenant's own person does, and
// works with the database.
func connected(t *testing.T, c client.Client, claim *unstructured.Unstructured) {
	t.Helper()
	name, _, _ := unstructured.NestedString(claim.Object, "status", "connectionSecretRef", "name")
	var secret corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: claim.GetNamespace(), Name: name}, &secret); err != nil {
		t.Fatal(err)
	}
	connection, err := pgx.Connect(t.Context(), string(secret.Data["uri"]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }() // the test has what it wants
	var answer int
	if err := connection.QueryRow(t.Context(), "SELECT 42").Scan(&answer); err != nil || answer != 42 {
		t.Errorf("the database answers %d, %v", answer, err)
	}
}
