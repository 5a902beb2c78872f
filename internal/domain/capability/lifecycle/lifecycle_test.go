package lifecycle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/lifecycle"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func days(n int) *metav1.Time {
	return &metav1.Time{Time: now.Add(time.Duration(n) * 24 * time.Hour)}
}

const (
	roomy  = `{"type":"object","properties":{"size":{"type":"integer","maximum":9}}}`
	narrow = `{"type":"object","properties":{"size":{"type":"integer","maximum":3}}}`
)

func at(stage v1alpha1.Stage, schema string, changes ...func(*v1alpha1.CapabilityVersion)) *v1alpha1.Capability {
	v := v1alpha1.CapabilityVersion{Name: "v1", Stage: stage, Storage: true, Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(schema)}}}
	for _, change := range changes {
		change(&v)
	}
	return &v1alpha1.Capability{
		ObjectMeta: metav1.ObjectMeta{Name: "database"},
		Spec:       v1alpha1.CapabilitySpec{Names: v1alpha1.ClaimNames{Kind: "Database", Plural: "databases"}, Versions: []v1alpha1.CapabilityVersion{v}},
		Status:     v1alpha1.CapabilityStatus{Versions: []v1alpha1.CapabilityVersionStatus{{Name: "v1", ContractSince: *days(-100)}}},
	}
}

func window(deprecated, sunset int) func(*v1alpha1.CapabilityVersion) {
	return func(v *v1alpha1.CapabilityVersion) { v.Deprecated, v.Sunset = days(deprecated), days(sunset) }
}

func unserved(v *v1alpha1.CapabilityVersion) { v.Served = new(false) }

func notice(published int) func(*v1alpha1.CapabilityVersion) {
	return func(v *v1alpha1.CapabilityVersion) {
		v.Notice = &v1alpha1.ReleaseNotice{Message: "size shrinks", Published: *days(published)}
	}
}

func TestReview(t *testing.T) {
	t.Parallel()
	used := lifecycle.World{Now: now, Consumers: map[string][]capability.Consumer{"v1": {{Tenant: "payments", Operation: "listDatabase"}}}}
	claimed := lifecycle.World{Now: now, Claims: map[string][]string{"v1": {"tenant-payments/orders"}}}
	alone := lifecycle.World{Now: now}
	for name, test := range map[string]struct {
		before, after *v1alpha1.Capability
		world         lifecycle.World
		want          []string
	}{
		"alpha to beta":                 {at(v1alpha1.StageAlpha, roomy), at(v1alpha1.StageBeta, roomy), alone, nil},
		"alpha breaks":                  {at(v1alpha1.StageAlpha, roomy), at(v1alpha1.StageAlpha, narrow), used, nil},
		"alpha to ga":                   {at(v1alpha1.StageAlpha, roomy), at(v1alpha1.StageGA, roomy), alone, []string{"ga cannot follow alpha; legal: stay alpha, beta, deprecated, removed"}},
		"ga to alpha":                   {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageAlpha, roomy), alone, []string{"legal: stay ga, deprecated"}},
		"ga breaks":                     {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageGA, narrow), used, []string{"spec.size: maximum falls from 9 to 3", "POST /v1/databases", "payments by listDatabase"}},
		"ga breaks unused":              {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageGA, narrow), alone, []string{"Nobody used it"}},
		"beta breaks unannounced":       {at(v1alpha1.StageBeta, roomy), at(v1alpha1.StageBeta, narrow), alone, []string{"publish a notice first"}},
		"beta breaks announced":         {at(v1alpha1.StageBeta, roomy, notice(-1)), at(v1alpha1.StageBeta, narrow, notice(-1)), alone, nil},
		"beta breaks on an old notice":  {at(v1alpha1.StageBeta, roomy, notice(-200)), at(v1alpha1.StageBeta, narrow), alone, []string{"announced the break before"}},
		"the notice comes with it":      {at(v1alpha1.StageBeta, roomy), at(v1alpha1.StageBeta, narrow, notice(-1)), alone, []string{"publish a notice first"}},
		"deprecated, and breaks":        {at(v1alpha1.StageDeprecated, roomy, window(0, 400)), at(v1alpha1.StageDeprecated, narrow, window(0, 400)), alone, []string{"its contract holds"}},
		"a window too short":            {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageDeprecated, roomy, window(0, 364)), alone, []string{"365 days", "2027-06-01"}},
		"a window long enough":          {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageDeprecated, roomy, window(0, 365)), alone, nil},
		"a sunset brought forward":      {at(v1alpha1.StageDeprecated, roomy, window(-400, 60)), at(v1alpha1.StageDeprecated, roomy, window(-400, 30)), alone, []string{"not brought forward"}},
		"removed too early":             {at(v1alpha1.StageDeprecated, roomy, window(-360, 30)), at(v1alpha1.StageRemoved, roomy, window(-360, 30)), alone, []string{"promised until 2026-07-01"}},
		"removed while claimed":         {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageRemoved, roomy, window(-400, -1)), claimed, []string{"tenant-payments/orders"}},
		"removed while used":            {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageRemoved, roomy, window(-400, -1)), used, []string{"payments by listDatabase"}},
		"removed when nobody can tell":  {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageRemoved, roomy, window(-400, -1)), lifecycle.World{Now: now, Unknown: errors.New("the ledger is away")}, []string{"the ledger is away"}},
		"removed when it is over":       {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageRemoved, roomy, window(-400, -1)), alone, nil},
		"ga to removed":                 {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageRemoved, roomy, window(-400, -1)), alone, []string{"legal: stay ga, deprecated"}},
		"no longer served":              {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageGA, roomy, unserved), alone, []string{"served until its sunset"}},
		"deprecated in the past":        {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageDeprecated, roomy, window(-364, 20)), alone, []string{"from now on", "2026-06-01 at the soonest"}},
		"deprecated since midnight":     {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageDeprecated, roomy, window(-1, 365)), alone, nil},
		"dates put down while ga":       {at(v1alpha1.StageGA, roomy, window(-364, 20)), at(v1alpha1.StageDeprecated, roomy, window(0, 20)), alone, []string{"365 days"}},
		"old dates put down while ga":   {at(v1alpha1.StageGA, roomy, window(-364, 20)), at(v1alpha1.StageDeprecated, roomy, window(-364, 20)), alone, []string{"from now on"}},
		"moved into the past":           {at(v1alpha1.StageDeprecated, roomy, window(-10, 400)), at(v1alpha1.StageDeprecated, roomy, window(-20, 400)), alone, []string{"from now on"}},
		"a later sunset":                {at(v1alpha1.StageDeprecated, roomy, window(-10, 400)), at(v1alpha1.StageDeprecated, roomy, window(-10, 500)), alone, nil},
		"deprecated and unserved":       {at(v1alpha1.StageGA, roomy), at(v1alpha1.StageDeprecated, roomy, window(0, 365), unserved), used, []string{"promised until 2027-06-01", "payments by listDatabase"}},
		"unserved too early":            {at(v1alpha1.StageDeprecated, roomy, window(-360, 30)), at(v1alpha1.StageDeprecated, roomy, window(-360, 30), unserved), alone, []string{"promised until 2026-07-01"}},
		"unserved while used":           {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageDeprecated, roomy, window(-400, -1), unserved), used, []string{"payments by listDatabase"}},
		"unserved while claimed":        {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageDeprecated, roomy, window(-400, -1), unserved), claimed, []string{"tenant-payments/orders"}},
		"unserved when it is over":      {at(v1alpha1.StageDeprecated, roomy, window(-400, -1)), at(v1alpha1.StageDeprecated, roomy, window(-400, -1), unserved), alone, nil},
		"left out instead of removed":   {at(v1alpha1.StageGA, roomy), &v1alpha1.Capability{}, alone, []string{"cannot be left out"}},
		"left out after it was removed": {at(v1alpha1.StageRemoved, roomy), &v1alpha1.Capability{}, alone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := lifecycle.Review(test.before, test.after, test.world)
			if len(test.want) == 0 && len(errs) > 0 || len(test.want) > 0 && len(errs) == 0 {
				t.Fatalf("Review() = %v, want %q", errs, test.want)
			}
			for _, want := range test.want {
				if got := errs.ToAggregate().Error(); !strings.Contains(got, want) {
					t.Errorf("Review() =\n%s\nwant %q", got, want)
				}
			}
		})
	}
}

func TestDeletionNamesTheClaims(t *testing.T) {
	t.Parallel()
	w := lifecycle.World{Now: now, Claims: map[string][]string{"v1": {"tenant-b/x", "tenant-a/y"}}}
	if err := lifecycle.Deletion(at(v1alpha1.StageGA, roomy), w); err == nil || !strings.Contains(err.Error(), "tenant-a/y, tenant-b/x") {
		t.Errorf("Deletion() = %v, want the claims by name", err)
	}
	if err := lifecycle.Deletion(at(v1alpha1.StageGA, roomy), lifecycle.World{}); err != nil {
		t.Errorf("Deletion() = %v without claims", err)
	}
}
