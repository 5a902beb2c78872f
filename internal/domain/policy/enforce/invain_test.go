package enforce

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// told is a cluster that serves secrets, and pods when it is asked anew.
type told struct {
	asked    int
	complete bool
	err      error
}

func (k *told) All(context.Context) ([]policy.Served, bool, error) {
	served := []policy.Served{{Version: "v1", Kind: "Secret", Resource: "secrets", Namespaced: true}, {Version: "v1", Kind: "Namespace", Resource: "namespaces"}}
	if k.asked > 0 {
		served = append(served, policy.Served{Version: "v1", Kind: "ConfigMap", Resource: "configmaps", Namespaced: true})
	}
	return served, k.complete, k.err
}

func (k *told) Forget() { k.asked++ }

// TestWarnings: who writes a policy hears at once of kinds that it names in vain,
// and nothing where nobody knows.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason string
		kinds        Kinder
		of           []string
		want         string
	}{
		{"slip", "nobody serves it", &told{complete: true}, []string{"Secret", "Secrte"}, "the cluster serves no Secrte"},
		{"of the cluster", "and the policy of a namespace", &told{complete: true}, []string{"Namespace"}, "Namespace is in no namespace, and the policy is about namespace shop alone"},
		{"new", "it is served since a moment ago", &told{complete: true}, []string{"ConfigMap"}, ""},
		{"away", "a server that does not answer may serve it", &told{}, []string{"Secrte"}, ""},
		{"no answer", "from any server", &told{complete: true, err: errors.New("away")}, []string{"Secrte"}, ""},
		{"nobody", "knows", nil, []string{"Secrte"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &kyvernov1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "shop"}}
			p.Spec.Rules = []kyvernov1.Rule{{
				Name:     "r",
				Match:    kyvernov1.MatchResources{Any: []kyvernov1.ResourceFilter{{Resources: kyvernov1.ResourceDescription{Kinds: test.of}}}},
				Validate: &kyvernov1.Validation{Deny: &kyvernov1.Deny{}},
			}}
			warnings, err := admission[*kyvernov1.Policy]{policyKind(), test.kinds}.ValidateCreate(t.Context(), p)
			if err != nil || strings.Join(warnings, "; ") != test.want {
				t.Errorf("%s: %q, %v, want %q", test.reason, warnings, err, test.want)
			}
		})
	}
}
