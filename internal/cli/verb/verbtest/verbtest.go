// Package verbtest gives tests of verbs a world of their own: what a verb writes
// is kept, variables are the test's, and the clock stands still at Noon.
//
// Only tests import it.
package verbtest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// Noon is the time in every test.
var Noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Session is a program in a test, with all that it wrote.
type Session struct {
	verb.Env
	// Stdout and Stderr are what the verb wrote.
	Stdout, Stderr bytes.Buffer
	// Vars are the environment variables.
	Vars map[string]string
}

// New is a session without a terminal, with an empty home folder.
func New(t testing.TB) *Session {
	t.Helper()
	s := &Session{Vars: map[string]string{"HOME": t.TempDir()}}
	s.Env = verb.Env{
		Name: "roadbed", In: strings.NewReader(""), Out: &s.Stdout, Err: &s.Stderr,
		Getenv: func(name string) string { return s.Vars[name] },
		Clock:  clocktesting.NewFakeClock(Noon),
	}
	return s
}

// Program is the program of the session.
func (s *Session) Program() *verb.Program { return &verb.Program{Env: s.Env} }

// Tenants are one tenant that is Ready, one that is refused and one that
// nobody has seen.
func Tenants() []*tenancyv1.Tenant {
	ready := exampleTenant("payments")
	ready.Status = tenancyv1.TenantStatus{
		Model: tenancyv1.ModelNamespace,
		Conditions: []metav1.Condition{
			state(condition.Ready, true, "Ready", ""),
			state(tenancy.ConditionAccepted, true, tenancy.ReasonAccepted, ""),
		},
		Namespaces: []tenancyv1.TenantNamespaceStatus{
			{Name: "tenant-payments-dev", Environment: "dev", Isolated: true},
			{Name: "tenant-payments-prod", Environment: "prod", Isolated: true},
		},
	}
	refused := exampleTenant("ledger")
	message := "requests.cpu: envelope 400, reserved 380 by 7 others, asked 100, over by 80"
	refused.Status = tenancyv1.TenantStatus{
		Conditions: []metav1.Condition{
			state(condition.Ready, false, tenancy.ReasonEnvelopeExceeded, message),
			state(tenancy.ConditionAccepted, true, tenancy.ReasonAccepted, ""),
			state(tenancy.ConditionReserved, false, tenancy.ReasonEnvelopeExceeded, message),
		},
	}
	return []*tenancyv1.Tenant{ready, refused, exampleTenant("unseen")}
}

func exampleTenant(name string) *tenancyv1.Tenant {
	return &tenancyv1.Tenant{
		TypeMeta:   metav1.TypeMeta{APIVersion: tenancyv1.GroupVersion.String(), Kind: "Tenant"},
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(Noon.Add(-90 * time.Minute))},
		Spec: tenancyv1.TenantSpec{
			DisplayName: "Card payments", Owner: name + "-team", BusinessUnit: "retail", Tier: "tier-1",
			Jurisdictions: []string{"uk", "eu"}, CostCenter: "cc-1042",
		},
	}
}

func state(kind string, holds bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(Noon.Add(-time.Hour)),
	}
}

// Units are a tree of business units, one whose parent is missing and two that
// are above each other.
func Units() []*tenancyv1.BusinessUnit {
	unit := func(name, parent, envelope, reserved string) *tenancyv1.BusinessUnit {
		u := &tenancyv1.BusinessUnit{
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(Noon.Add(-48 * time.Hour))},
			Spec:       tenancyv1.BusinessUnitSpec{Parent: parent, Jurisdictions: []string{"uk"}},
			Status:     tenancyv1.BusinessUnitStatus{Reserved: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(reserved)}},
		}
		if envelope != "" {
			u.Spec.Envelope = corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse(envelope)}
		}
		return u
	}
	return []*tenancyv1.BusinessUnit{
		unit("bank", "", "", "600"), unit("retail", "bank", "400", "380"), unit("cards", "retail", "100", "0"),
		unit("markets", "bank", "200", "20"), unit("orphan", "elsewhere", "10", "0"),
		unit("hen", "egg", "1", "0"), unit("egg", "hen", "1", "0"),
	}
}
