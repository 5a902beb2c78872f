package estate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
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

func TestMain(m *testing.M) { kubetest.Main(m) }

type nothing struct{}

func (nothing) Record(context.Context, trail.Record) error { return nil }

// TestWritersElsewhereDoNotOvershoot has fifty holders ask for a tenth of an
// envelope each, every one through a ledger of its own, as if each were another
// process: no lock of ours helps, only the compare-and-swap.
func TestWritersElsewhereDoNotOvershoot(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	unit := &v1alpha1.BusinessUnit{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "ledger-"},
		Spec: v1alpha1.BusinessUnitSpec{
			Jurisdictions: []string{"uk"},
			Envelope:      corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("100")},
		},
	}
	if err := env.Client.Create(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	asked := corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("10")}
	var all sync.WaitGroup
	var granted, refused atomic.Int32
	for i := range 50 {
		all.Go(func() {
			ledger := estate.NewLedger(&estate.Estate{
				Client: env.Client, Live: env.Client, Settings: tenancy.DefaultSettings(),
				Trail: nothing{}, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
			})
			holder := quota.Holder{Kind: quota.HolderTenant, Name: fmt.Sprintf("t-%d", i), UID: strconv.Itoa(i)}
			err := ledger.Hold(t.Context(), unit.Name, holder, asked)
			switch {
			case err == nil:
				granted.Add(1)
			case errors.As(err, new(*quota.EnvelopeError)):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if granted.Load() != 10 || refused.Load() != 40 {
		t.Errorf("%d were granted and %d refused, want 10 and 40", granted.Load(), refused.Load())
	}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(unit), unit); err != nil {
		t.Fatal(err)
	}
	if held := unit.Status.Reserved[corev1.ResourceRequestsCPU]; held.String() != "100" || len(unit.Status.Reservations) != 10 {
		t.Errorf("%d hold %s of 100 cores", len(unit.Status.Reservations), held.String())
	}
}
