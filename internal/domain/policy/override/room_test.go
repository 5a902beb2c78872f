package override_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// TestCostIsNoLessThanCharged compares the estimate that the ledger's room is
// counted in with what evaluating the clause costs, on objects with the longest
// name and many field managers.
func TestCostIsNoLessThanCharged(t *testing.T) {
	t.Parallel()
	e := newEvaluator(t)
	many := func(n int, last string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("something-%d-%s", i, strings.Repeat("x", 50))
		}
		list[n-1] = last
		return list
	}
	long := strings.Repeat("n", 253)
	plain := v1alpha1.Waiver{
		Rules: []string{}, Tenants: []string{}, Namespaces: []string{}, Kinds: []string{},
		ExpiresAt: metav1.NewTime(noon.Add(-time.Hour)),
	}
	label, group := strings.Repeat("l", 63), strings.Repeat("g", 253)
	everything := plain
	everything.Rules, everything.Tenants = many(32, "validations[12]"), many(64, label)
	everything.Namespaces, everything.Kinds = many(16, label), many(16, label+"."+group)
	everything.Names = "^(?:" + strings.Repeat("x.*|", 1000) + "n.*)$"
	named := plain
	named.Names = "^(?:" + long + ")$"
	for name, w := range map[string]v1alpha1.Waiver{"one that covers everything": plain, "one with every list full": everything, "one with a long name": named} {
		waivers := v1alpha1.Waivers{w, w, w, w}
		request := &policy.Request{
			Operation: admissionv1.Update, Namespace: label,
			NamespaceObject: map[string]any{"metadata": map[string]any{"labels": map[string]any{"tenancy.roadbed.dev/tenant": label}}},
			Kind:            schema.GroupVersionKind{Group: group, Version: "v1", Kind: label},
			Object:          map[string]any{"metadata": map[string]any{"generateName": long, "managedFields": managers(20)}},
		}
		for _, expression := range []string{override.Clause("autogen-cronjob-validations[12]"), override.Annotation()} {
			_, cost := e.eval(t, expression, waivers, request)
			if most := 4*override.CostOf(w) + 60; cost > uint64(most) {
				t.Errorf("%s: charged %d, estimated %d", name, cost, most)
			}
		}
	}
}

// managers are field managers that all wrote before anything ended, but the last.
func managers(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"manager": "m", "time": noon.Add(-2 * time.Hour).Format(time.RFC3339)}
	}
	list[n-1] = map[string]any{"manager": "m", "time": noon.Format(time.RFC3339)}
	return list
}
