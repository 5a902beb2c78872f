package estate_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// reasons is a trail that keeps why.
type reasons []string

func (r *reasons) Record(_ context.Context, record trail.Record) error {
	*r = append(*r, record.Reason)
	return nil
}

func cores(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(amount)}
}

func tenantNamed(name string) quota.Holder {
	return quota.Holder{Kind: quota.HolderTenant, Name: name, UID: "uid-of-" + name}
}

// TestOneWriteServesAllWhoFit has one tenant ask and four others join: one
// does not fit, one has a namesake that still holds a share.
func TestOneWriteServesAllWhoFit(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	unit := &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "entry-"},
		Spec:       v1alpha1.BusinessUnitSpec{Jurisdictions: []string{"uk"}, Envelope: cores("100")},
	}
	if err := env.Client.Create(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	var told reasons
	ledger := estate.NewLedger(&estate.Estate{
		Client: env.Client, Live: env.Client, Settings: tenancy.DefaultSettings(),
		Trail: &told, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
	})
	namesake := tenantNamed("namesake")
	namesake.UID = "another"
	if err := ledger.Hold(t.Context(), unit.Name, namesake, cores("5")); err != nil {
		t.Fatal(err)
	}
	others := func(context.Context) []estate.Claim {
		return []estate.Claim{
			{Holder: tenantNamed("fits"), Asked: cores("40")},
			{Holder: tenantNamed("too-large"), Asked: cores("60")},
			{Holder: tenantNamed("namesake"), Asked: cores("1")},
			{Holder: tenantNamed("fits-too"), Asked: cores("45")},
		}
	}
	told = nil
	if err := ledger.Secure(t.Context(), unit.Name, tenantNamed("asks"), cores("10"), others); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.HasSuffix(told[0], `held by Tenant "asks", Tenant "fits", Tenant "fits-too"`) {
		t.Errorf("the trail heard %q", told)
	}
	wantHolders(t, env, unit, "100", "asks", "fits", "fits-too", "namesake")

	told = nil
	if err := ledger.Secure(t.Context(), unit.Name, tenantNamed("fits"), cores("40"), others); err != nil || len(told) > 0 {
		t.Errorf("who joined has to write after all: %q, %v", told, err)
	}
	err := ledger.Secure(t.Context(), unit.Name, tenantNamed("too-large"), cores("60"), others)
	var exceeded *quota.EnvelopeError
	if !errors.As(err, &exceeded) || !strings.Contains(err.Error(), "requests.cpu: envelope 100, reserved 100 by 4 others, asked 60, over by 60") {
		t.Errorf("who does not fit is told %v", err)
	}
}

func wantHolders(t *testing.T, env *kubetest.Env, unit *v1alpha1.BusinessUnit, sum string, names ...string) {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(unit), unit); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range unit.Status.Reservations {
		found = append(found, r.Name)
	}
	if held := unit.Status.Reserved[corev1.ResourceRequestsCPU]; !slices.Equal(found, names) || held.String() != sum {
		t.Errorf("%v hold %s cores, want %v and %s", found, held.String(), names, sum)
	}
}
