package quota

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// list reads "requests.cpu=4 pods=10".
func list(text string) corev1.ResourceList {
	found := corev1.ResourceList{}
	for entry := range strings.FieldsSeq(text) {
		name, amount, _ := strings.Cut(entry, "=")
		found[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	return found
}

// show is the inverse of list, sorted.
func show(quota corev1.ResourceList) string {
	entries := make([]string, 0, len(quota))
	for _, name := range sortedNames(quota) {
		amount := quota[name]
		entries = append(entries, fmt.Sprintf("%s=%s", name, amount.String()))
	}
	return strings.Join(entries, " ")
}

func namespaces(quotas ...string) []v1alpha1.TenantNamespace {
	var named []v1alpha1.TenantNamespace
	for i, text := range quotas {
		named = append(named, v1alpha1.TenantNamespace{Name: fmt.Sprintf("n%d", i), Quota: list(text)})
	}
	return named
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, amount string
		want         string // the beginning of what it must; empty if right
		reason       string
	}{
		{"requests.cpu", "100", "", "a whole number of cores"},
		{"requests.cpu", "1500m", "", "thousandths of a core"},
		{"requests.cpu", "0", "", "nothing at all is an amount"},
		{"requests.cpu", "-1", "not be negative", "no negative amounts"},
		{"requests.cpu", "1u", "be a multiple of 1m", "quotas count thousandths"},
		{"requests.memory", "200Gi", "", "binary bytes"},
		{"requests.memory", "1500m", "be a whole number of bytes", "a thousandth of a byte is a typing error"},
		{"pods", "1500m", "be a whole number", "half a pod"},
		{"pods", "1e18", "be at most", "sums must stay exact"},
		{"cpu", "1", `be named "requests.cpu"`, "two spellings would be counted apart"},
		{"count/secrets", "1", `be named "secrets"`, "two spellings would be counted apart"},
		{"count/deployments.apps", "5", "", "any kind can be counted"},
		{"count/widgets.example.com", "5", "", "custom kinds too"},
		{"requests.nvidia.com/gpu", "2", "", "extended resources"},
		{"requests.hugepages-2Mi", "1Gi", "", "huge pages"},
		{"requests.hugepages-big", "1Gi", "name a resource", "no such page size"},
		{"fast.storageclass.storage.k8s.io/requests.storage", "1Ti", "", "a class's capacity"},
		{"fast.storageclass.storage.k8s.io/persistentvolumeclaims", "10", "", "a class's claims"},
		{"fast.storageclass.storage.k8s.io/pods", "10", "name a resource", "classes have no pods"},
		{"request.cpu", "1", "name a resource", "a typing error"},
		{"limits.nvidia.com/gpu", "1", "name a resource", "Kubernetes counts requests of extended resources only"},
	} {
		t.Run(tt.name+"="+tt.amount, func(t *testing.T) {
			t.Parallel()
			got := Check(corev1.ResourceName(tt.name), resource.MustParse(tt.amount))
			if (tt.want == "") != (got == "") || !strings.HasPrefix(got, tt.want) {
				t.Errorf("must %q, want %q: %s", got, tt.want, tt.reason)
			}
		})
	}
}

func TestNamesAreKnown(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if must := Check(corev1.ResourceName(name), resource.MustParse("1")); must != "" {
			t.Errorf("%s must %s", name, must)
		}
	}
}

func TestEffective(t *testing.T) {
	t.Parallel()
	capacity, claims := resource.MustParse("50Gi"), int64(4)
	tier := &v1alpha1.Tier{Spec: v1alpha1.TierSpec{
		Quota:          list("requests.cpu=10 secrets=30 pods=60"),
		StorageClasses: []v1alpha1.StorageClassQuota{{Name: "standard", Capacity: &capacity, Claims: &claims}},
	}}
	tenant := &v1alpha1.Tenant{Spec: v1alpha1.TenantSpec{
		Quota:      list("requests.cpu=4 requests.nvidia.com/gpu=1"),
		Namespaces: namespaces("", ""),
	}}
	got := Effective(tenant, tier)
	for name, want := range map[string]string{
		"requests.cpu":            "4",   // the tenant's
		"pods":                    "60",  // the tier's
		"secrets":                 "30",  // the tier's instead of the cap
		"configmaps":              "400", // the cap, for each of two namespaces
		"services.nodeports":      "0",
		"requests.nvidia.com/gpu": "1",
		"standard.storageclass.storage.k8s.io/requests.storage":       "50Gi",
		"standard.storageclass.storage.k8s.io/persistentvolumeclaims": "4",
	} {
		amount, ok := got[corev1.ResourceName(name)]
		if !ok || amount.String() != want {
			t.Errorf("%s = %s, want %s", name, amount.String(), want)
		}
	}
	for name := range caps {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is not covered", name)
		}
	}
	if got := show(tier.Spec.Quota); got != "pods=60 requests.cpu=10 secrets=30" {
		t.Errorf("Effective changed the tier: %s", got)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		total  string
		claims []string
		want   []string
		reason string
	}{
		{"one namespace", "pods=10", nil, []string{"pods=10"}, "no namespaces named means one"},
		{"evenly", "pods=10 requests.cpu=4", []string{"", ""}, []string{"pods=5 requests.cpu=2", "pods=5 requests.cpu=2"}, "nobody claims"},
		{"remainder", "pods=200", []string{"", "", ""}, []string{"pods=68", "pods=66", "pods=66"}, "the first gets what cannot be divided"},
		{"cores in tenths", "requests.cpu=100", []string{"", "", ""}, []string{"requests.cpu=33400m", "requests.cpu=33300m", "requests.cpu=33300m"}, "shares read well"},
		{"bytes in mebibytes", "requests.memory=1Gi", []string{"", "", ""}, []string{"requests.memory=342Mi", "requests.memory=341Mi", "requests.memory=341Mi"}, "shares read well"},
		{"less than a grain", "requests.cpu=50m", []string{"", ""}, []string{"requests.cpu=25m", "requests.cpu=25m"}, "small shares stay exact"},
		{"claims first", "pods=10", []string{"", "pods=6", ""}, []string{"pods=2", "pods=6", "pods=2"}, "the rest is divided"},
		{"all claimed", "pods=10", []string{"pods=3", "pods=6"}, []string{"pods=3", "pods=6"}, "what nobody asks for stays unused"},
		{"nothing left", "pods=6", []string{"", "pods=6"}, []string{"pods=0", "pods=6"}, "a share may be nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shares, err := Split(list(tt.total), namespaces(tt.claims...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, share := range shares {
				got = append(got, show(share))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

func TestSplitRefusesOverdraft(t *testing.T) {
	t.Parallel()
	_, err := Split(list("pods=10"), namespaces("pods=6 secrets=1", "pods=6"))
	want := "namespaces claim more than the tenant has: pods: namespaces claim 12 of 10; " +
		"secrets: namespaces claim 1, but the tenant's quota does not name it"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

// amounts draws a quantity of a resource, in its own units.
func amounts(name corev1.ResourceName) *rapid.Generator[resource.Quantity] {
	return rapid.Custom(func(t *rapid.T) resource.Quantity {
		return *exact(name, rapid.Int64Range(0, 1<<50).Draw(t, string(name)))
	})
}

var drawn = []corev1.ResourceName{
	corev1.ResourceRequestsCPU, corev1.ResourceLimitsMemory, corev1.ResourcePods, countRoles,
	"fast.storageclass.storage.k8s.io/requests.storage",
}

func TestSplitLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total := corev1.ResourceList{}
		parts := make([]v1alpha1.TenantNamespace, rapid.IntRange(1, 16).Draw(t, "namespaces"))
		open := map[corev1.ResourceName]bool{}
		for _, name := range drawn {
			claimed := resource.Quantity{}
			for i := range parts {
				if rapid.Bool().Draw(t, "open") {
					open[name] = true
					continue
				}
				claim := amounts(name).Draw(t, "claim")
				parts[i].Quota = Sum(parts[i].Quota, corev1.ResourceList{name: claim})
				claimed.Add(claim)
			}
			claimed.Add(amounts(name).Draw(t, "rest"))
			total[name] = claimed
		}
		shares, err := Split(total, parts)
		if err != nil {
			t.Fatal(err)
		}
		sum := Sum(shares...)
		for _, name := range drawn {
			whole, got := total[name], sum[name]
			if got.Cmp(whole) > 0 {
				t.Fatalf("%s: shares add up to %s of %s", name, got.String(), whole.String())
			}
			if open[name] && got.Cmp(whole) != 0 {
				t.Fatalf("%s: shares lose some: %s of %s", name, got.String(), whole.String())
			}
		}
		for i, part := range parts {
			for name, claim := range part.Quota {
				if share := shares[i][name]; share.Cmp(claim) != 0 {
					t.Fatalf("%s: namespace %d claims %s and gets %s", name, i, claim.String(), share.String())
				}
			}
		}
	})
}

func unitWith(envelope string, held ...string) *v1alpha1.BusinessUnit {
	unit := &v1alpha1.BusinessUnit{Spec: v1alpha1.BusinessUnitSpec{Envelope: list(envelope)}}
	unit.Name = "retail"
	for i, quota := range held {
		unit.Status.Reservations = append(unit.Status.Reservations, v1alpha1.Reservation{
			Kind: HolderTenant, Name: fmt.Sprintf("t%d", i), UID: fmt.Sprintf("u%d", i), Quota: list(quota),
		})
	}
	return unit
}

func TestReserve(t *testing.T) {
	t.Parallel()
	seven := []string{
		"requests.cpu=60", "requests.cpu=60", "requests.cpu=60", "requests.cpu=50", "requests.cpu=50", "requests.cpu=50", "requests.cpu=50",
	}
	for _, tt := range []struct {
		name   string
		unit   *v1alpha1.BusinessUnit
		holder Holder
		asked  string
		want   string // the sum reserved after
		err    string // what the error must contain
		reason string
	}{
		{
			"fits", unitWith("requests.cpu=400", seven...),
			Holder{HolderTenant, "new", "x"},
			"requests.cpu=20",
			"requests.cpu=400", "", "to the last core",
		},
		{
			"arithmetic", unitWith("requests.cpu=400", seven...),
			Holder{HolderTenant, "new", "x"},
			"requests.cpu=100",
			"", "requests.cpu: envelope 400, reserved 380 by 7 others, asked 100, over by 80", "the message shows it",
		},
		{
			"one other", unitWith("pods=5", "pods=4"),
			Holder{HolderTenant, "new", "x"},
			"pods=2",
			"", "pods: envelope 5, reserved 4 by 1 other, asked 2, over by 1", "grammar",
		},
		{
			"replaces its own", unitWith("pods=5", "pods=4"),
			Holder{HolderTenant, "t0", "u0"},
			"pods=5",
			"pods=5", "", "an earlier reservation is not counted twice",
		},
		{
			"a namesake", unitWith("pods=3", "pods=4"),
			Holder{HolderTenant, "t0", "other"},
			"pods=4",
			"", "reserved 0 by 0 others, asked 4, over by 1", "what the namesake held is no claim of this one",
		},
		{
			"a child is not a tenant", unitWith("pods=5", "pods=4"),
			Holder{HolderBusinessUnit, "t0", "u0"},
			"pods=2",
			"", "over by 1", "kinds are told apart",
		},
		{
			"not limited", unitWith("pods=5"),
			Holder{HolderTenant, "new", "x"},
			"pods=1 requests.cpu=999",
			"pods=1 requests.cpu=999", "", "an envelope limits only what it names",
		},
		{
			"lowered envelope, same share", unitWith("pods=3", "pods=2", "pods=4"),
			Holder{HolderTenant, "t1", "u1"},
			"pods=4",
			"pods=6", "", "lowering an envelope takes nothing away",
		},
		{
			"lowered envelope, growth", unitWith("pods=3", "pods=2", "pods=4"),
			Holder{HolderTenant, "t1", "u1"},
			"pods=5",
			"", "over by 4", "but stops growth",
		},
		{
			"lowered envelope, other resource", unitWith("pods=3 requests.cpu=9", "pods=4"),
			Holder{HolderTenant, "new", "x"},
			"requests.cpu=1 pods=0",
			"pods=4 requests.cpu=1", "", "who asks for none of it is not refused",
		},
		{
			"object counts are no budget", unitWith("pods=3"),
			Holder{HolderTenant, "new", "x"},
			"pods=1 secrets=200",
			"pods=1", "", "only budgeted resources are kept",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := tt.unit.DeepCopy()
			got, err := Reserve(tt.unit, tt.holder, list(tt.asked))
			if diff := cmp.Diff(before, tt.unit); diff != "" {
				t.Errorf("Reserve changed its argument:\n%s", diff)
			}
			if tt.err != "" {
				var refused *EnvelopeError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error = %v, want one with %q: %s", err, tt.err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, tt.reason)
			}
			if sum := show(Reserved(got)); sum != tt.want {
				t.Errorf("reserved %s, want %s: %s", sum, tt.want, tt.reason)
			}
		})
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	unit := unitWith("pods=9", "pods=4", "pods=2")
	if got := show(Reserved(Release(unit, Holder{HolderTenant, "t0", "u0"}))); got != "pods=2" {
		t.Errorf("after release %s, want pods=2", got)
	}
	if got := show(Reserved(Release(unit, Holder{HolderTenant, "t0", "another"}))); got != "pods=6" {
		t.Errorf("after a namesake's release %s, want pods=6", got)
	}
}

// TestEnvelopeNeverOvershoots plays any sequence of reservations and releases.
func TestEnvelopeNeverOvershoots(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := unitWith("requests.cpu=100 pods=50")
		held := map[string]corev1.ResourceList{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := fmt.Sprintf("t%d", rapid.IntRange(0, 9).Draw(t, "tenant"))
			holder := Holder{HolderTenant, name, name}
			if rapid.IntRange(0, 3).Draw(t, "act") == 0 {
				unit.Status.Reservations = Release(unit, holder)
				delete(held, name)
			} else {
				asked := corev1.ResourceList{
					corev1.ResourceRequestsCPU: *resource.NewMilliQuantity(rapid.Int64Range(0, 60_000).Draw(t, "cpu"), resource.DecimalSI),
					corev1.ResourcePods:        *resource.NewQuantity(rapid.Int64Range(0, 30).Draw(t, "pods"), resource.DecimalSI),
				}
				next, err := Reserve(unit, holder, asked)
				if err == nil {
					unit.Status.Reservations, held[name] = next, asked
				}
			}
			checkEnvelope(t, unit, held)
		}
	})
}

func checkEnvelope(t *rapid.T, unit *v1alpha1.BusinessUnit, held map[string]corev1.ResourceList) {
	if over := Exceeded(unit.Spec.Envelope, unit.Status.Reservations); len(over) > 0 {
		t.Fatalf("overshoot: %v", over)
	}
	if len(unit.Status.Reservations) != len(held) {
		t.Fatalf("%d reservations for %d holders", len(unit.Status.Reservations), len(held))
	}
	sorted := slices.IsSortedFunc(unit.Status.Reservations, func(a, b v1alpha1.Reservation) int { return strings.Compare(a.Name, b.Name) })
	if !sorted {
		t.Fatal("reservations are not sorted")
	}
	for i := range unit.Status.Reservations {
		r := &unit.Status.Reservations[i]
		if show(r.Quota) != show(held[r.Name]) {
			t.Fatalf("%s holds %s, want %s", r.Name, show(r.Quota), show(held[r.Name]))
		}
	}
}

func TestShortages(t *testing.T) {
	t.Parallel()
	got := Shortages(list("pods=0 count/rolebindings.rbac.authorization.k8s.io=3 resourcequotas=1"))
	if len(got) != 1 || got[0].String() != "count/rolebindings.rbac.authorization.k8s.io: a namespace would get 3, but Roadbed's own objects need 4" {
		t.Errorf("shortages = %v", got)
	}
}

func TestAmountsCanBeCompared(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{"20k": "20000", "5240": "5240", "500m": "500m", "40000Gi": "40000Gi", "2M": "2000000"} {
		if got := Amount(resource.MustParse(written)); got != want {
			t.Errorf("%s is shown as %s, want %s", written, got, want)
		}
	}
}
