package operator_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// TestEveryCountableKindIsCapped asks Kubernetes which of its kinds are stored
// in namespaces: a kind that a later version adds must not go without a cap.
func TestEveryCountableKindIsCapped(t *testing.T) {
	t.Parallel()
	asked, err := discovery.NewDiscoveryClientForConfig(start(t).env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := asked.ServerPreferredNamespacedResources()
	if err != nil {
		t.Fatal(err)
	}
	capped, seen := quota.Names(), 0
	for _, list := range lists {
		group, _, grouped := strings.Cut(list.GroupVersion, "/")
		if !grouped {
			group = ""
		}
		for _, kind := range list.APIResources {
			if !countable(group, kind) {
				continue
			}
			seen++
			count := "count/" + kind.Name
			if group != "" {
				count += "." + group
			}
			if !slices.Contains(capped, count) && !slices.Contains(capped, kind.Name) {
				t.Errorf("a tenant may have any number of %s: give %s a cap", kind.Name, count)
			}
		}
	}
	if seen < 25 {
		t.Errorf("only %d kinds were seen", seen)
	}
}

// countable says of a namespaced kind that it is Kubernetes' own, is stored, and
// counts for quotas: events do not.
func countable(group string, kind metav1.APIResource) bool {
	own := !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && group != "gateway.networking.k8s.io"
	stored := slices.Contains(kind.Verbs, "create") && slices.Contains(kind.Verbs, "list") && !strings.Contains(kind.Name, "/")
	return own && stored && kind.Name != "events"
}
