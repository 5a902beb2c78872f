package kill

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
	"github.com/roadbed-dev/roadbed/test/server"
)

const (
	// unit is the business unit of all tenants.
	unit = "besieged"
	// tier is their tier.
	tier = "tier-3"
	// perTenant is how many namespaces a tenant has.
	perTenant = 2
	// patience is how long one life of the server, or the end, may take.
	patience = time.Minute
)

// siege is a plane whose server is killed again and again, a recorder of all
// that happens, and somebody who tries to start pods too early.
type siege struct {
	dir      string
	roadbed  *rest.Config
	client   client.WithWatch
	recorder *recorder
	attempts *attempts
	tenants  []*v1alpha1.Tenant
}

// newSiege starts a plane with the given guards and everything but the server.
func newSiege(t *testing.T, core []guards.StaticManifest) *siege {
	t.Helper()
	var files []standalone.Manifest
	for _, file := range core {
		files = append(files, standalone.Manifest{Name: file.Name, Data: file.Data})
	}
	env := kubetest.Private(t, kubetest.WithAdmission(files...))
	err := app.Install(t.Context(), app.InstallOptions{
		Config: env.Admin, StaticGuards: true, Webhook: app.WebhookLoopback, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := client.NewWithWatch(env.Admin, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &siege{dir: t.TempDir(), roadbed: env.As(t, identity.Roadbed, identity.RoadbedGroups()...), client: direct}
	if err := direct.Create(t.Context(), aUnit()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if s.recorder, err = record(ctx, direct); err != nil {
		t.Fatal(err)
	}
	s.attempts = attempt(ctx, direct, s.recorder)
	t.Cleanup(func() {
		cancel()
		s.attempts.close()
		s.recorder.close()
	})
	return s
}

func aUnit() *v1alpha1.BusinessUnit {
	return &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{Name: unit},
		Spec: v1alpha1.BusinessUnitSpec{
			Jurisdictions: []string{"uk"},
			Envelope:      corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("10k")},
		},
	}
}

// aTenant has guardrails of every kind.
func aTenant(number int) *v1alpha1.Tenant {
	return &v1alpha1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("team-%02d", number)},
		Spec: v1alpha1.TenantSpec{
			Owner: "team", BusinessUnit: unit, Tier: tier, Jurisdictions: []string{"uk"}, CostCenter: "cc-1",
			Namespaces: []v1alpha1.TenantNamespace{{Name: "test"}, {Name: "prod"}},
			Access: v1alpha1.TenantAccess{
				Admins:     []v1alpha1.Subject{{Kind: "Group", Name: "corp:admins"}},
				Developers: []v1alpha1.Subject{{Kind: "Group", Name: "corp:developers"}},
			},
			Network: v1alpha1.TenantNetwork{EgressCIDRs: []v1alpha1.CIDRPeer{{CIDR: "203.0.113.0/24"}}},
		},
	}
}

func (s *siege) start(t *testing.T) *server.Process {
	t.Helper()
	process, err := server.Start(server.Config{Cluster: s.roadbed, Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// unready is how many tenants are not ready.
func (s *siege) unready(t *testing.T) int {
	t.Helper()
	var list v1alpha1.TenantList
	if err := s.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	count := len(s.tenants) - len(list.Items)
	for i := range list.Items {
		if !condition.IsTrue(list.Items[i].Status.Conditions, condition.Ready) {
			count++
		}
	}
	return count
}

// planned is what every namespace must have, by the namespace's name.
func (s *siege) planned(t *testing.T) map[string][]client.Object {
	t.Helper()
	w := tenancy.World{
		Tiers:    map[string]*v1alpha1.Tier{},
		Units:    map[string]*v1alpha1.BusinessUnit{unit: aUnit()},
		Settings: tenancy.DefaultSettings(),
	}
	for _, each := range tenancy.Tiers() {
		w.Tiers[each.Name] = each
	}
	planned := map[string][]client.Object{}
	for _, tenant := range s.tenants {
		objects, err := tenancy.Plan(tenant, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, obj := range objects {
			namespace := obj.GetNamespace()
			if _, is := obj.(*corev1.Namespace); is {
				namespace = obj.GetName()
			}
			if _, account := obj.(*corev1.ServiceAccount); !account {
				planned[namespace] = append(planned[namespace], obj)
			}
		}
	}
	return planned
}

// catchUp waits until the recorder has seen everything that happened so far:
// it makes an object of each kind and waits for those to arrive.
func (s *siege) catchUp(t *testing.T) {
	t.Helper()
	const name = "catch-up"
	meta := metav1.ObjectMeta{Namespace: name, Name: name}
	markers := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&corev1.ResourceQuota{ObjectMeta: meta},
		&corev1.LimitRange{ObjectMeta: meta},
		&networkingv1.NetworkPolicy{ObjectMeta: meta},
		&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}},
	}
	for _, marker := range markers {
		if err := s.client.Create(t.Context(), marker); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, marker := range markers {
		if err := s.recorder.await(ctx, func(h *history) bool { return h.has(marker) }); err != nil {
			t.Fatalf("wait for %T in the record: %v", marker, err)
		}
	}
}
