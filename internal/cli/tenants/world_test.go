package tenants

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

const together = `apiVersion: tenancy.roadbed.dev/v1alpha1
kind: BusinessUnit
metadata: {name: small}
spec: {jurisdictions: [uk], envelope: {requests.cpu: 10}}
---
apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata: {name: a}
spec: {owner: a, businessUnit: small, tier: tier-2, jurisdictions: [uk], costCenter: cc-1, quota: {requests.cpu: 6}}
---
apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata: {name: b}
spec:
  owner: a
  businessUnit: small
  tier: tier-2
  jurisdictions: [uk]
  costCenter: cc-1
  quota: {requests.cpu: 6}
`

func TestTenantsThatDoNotFitTogetherAreRefused(t *testing.T) {
	t.Parallel()
	documents, err := manifest.Parse(manifest.Scheme(), "in.yaml", []byte(together))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	for _, tier := range tenancy.Tiers() {
		learn(w, tier)
	}
	learn(w, documents[0].Object)
	for _, one := range documents[1:] {
		if err := validateAll(t.Context(), []manifest.Document{one}, w); err != nil {
			t.Errorf("alone: %v", err)
		}
	}
	const want = "in.yaml:20: spec.quota: the envelope of business unit \"small\" does not suffice: requests.cpu: envelope 10, reserved 6 by 1 other, asked 6, over by 2"
	if err := validateAll(t.Context(), documents[1:], w); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("together: %v, want %s...", err, want)
	}
	if n := len(w.Units["small"].Status.Reservations); n != 0 {
		t.Errorf("%d reservations stay in the world that was asked", n)
	}
}

const sameNamespace = `apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata: {name: a}
spec: {owner: a, businessUnit: wide, tier: tier-2, jurisdictions: [uk], costCenter: cc-1, namespaces: [{name: dev}, {name: old, adopt: legacy}]}
---
apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata:
  name: a-dev
spec: {owner: a, businessUnit: wide, tier: tier-2, jurisdictions: [uk], costCenter: cc-1}
---
apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata: {name: b}
spec:
  owner: a
  businessUnit: wide
  tier: tier-2
  jurisdictions: [uk]
  costCenter: cc-1
  namespaces:
  - name: old
    adopt: legacy
`

// TestTenantsWithOneNamespaceAreRefused: the cluster sees no collision when it is
// asked about each tenant alone, and would refuse the second after the first
// was created.
func TestTenantsWithOneNamespaceAreRefused(t *testing.T) {
	t.Parallel()
	documents, err := manifest.Parse(manifest.Scheme(), "in.yaml", []byte(sameNamespace))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	for _, tier := range tenancy.Tiers() {
		learn(w, tier)
	}
	learn(w, &tenancyv1.BusinessUnit{ObjectMeta: metav1.ObjectMeta{Name: "wide"}})
	for _, one := range documents {
		if err := validateAll(t.Context(), []manifest.Document{one}, w); err != nil {
			t.Errorf("alone: %v", err)
		}
	}
	const want = `in.yaml:9: metadata.name: namespace "tenant-a-dev" is tenant "a"'s already: choose another name
in.yaml:23: spec.namespaces[0].adopt: namespace "legacy" is tenant "a"'s already: choose another name`
	if err := validateAll(t.Context(), documents, w); err == nil || err.Error() != want {
		t.Errorf("together: %v, want %s", err, want)
	}
}
