package lint_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lint"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// budgets answers the API call of the corrected policy: one budget, for web.
type budgets struct{ called string }

var errUnasked = errors.New("nobody should ask")

func (*budgets) Get(context.Context, schema.GroupVersionResource, string, string) (map[string]any, error) {
	return nil, errUnasked
}

func (*budgets) List(context.Context, schema.GroupVersionResource, string, map[string]string) ([]map[string]any, error) {
	return nil, errUnasked
}

func (b *budgets) Call(_ context.Context, _, path string, _ any) (any, error) {
	b.called = path
	return map[string]any{"items": []any{map[string]any{"spec": map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}}}}}}, nil
}

func (*budgets) Global(context.Context, string) (any, error) { return nil, errUnasked }

// TestFix: the third of the printed policies passes everything; as it was meant,
// it tells deployments with a budget from those without.
func TestFix(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/printed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents, _ := load.Parse("printed.yaml", text)
	printed, ok := documents[2].Object.(*kyvernov1.ClusterPolicy)
	if !ok {
		t.Fatalf("the third document is a %T", documents[2].Object)
	}
	fixed, changes, err := lint.Fix(printed)
	if err != nil || len(changes) != 1 {
		t.Fatalf("changes %q, %v", changes, err)
	}
	evaluators, problems := load.Compile([]load.Document{load.Of(fixed, "fixed")}, load.Standard(load.Options{}))
	for _, problem := range problems {
		t.Fatal(problem)
	}
	for _, test := range []struct {
		name   string
		labels map[string]any
		want   policy.Status
	}{
		{"with a budget", map[string]any{"app": "web"}, policy.Pass},
		{"without a budget", map[string]any{"app": "cache"}, policy.Fail},
		{"without the label", nil, policy.Fail},
	} {
		lookup := &budgets{}
		results := evaluators[0].Validate(t.Context(), deployment(test.labels), policy.World{Lookup: lookup})
		if len(results) != 1 || results[0].Status != test.want {
			t.Errorf("%s: %+v, want %s", test.name, results, test.want)
		}
		if lookup.called != "/apis/policy/v1/namespaces/shop/poddisruptionbudgets" {
			t.Errorf("%s: called %q", test.name, lookup.called)
		}
	}
}

func deployment(labels map[string]any) *policy.Request {
	return policy.Existing(map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "d", "namespace": "shop", "labels": labels},
		"spec": map[string]any{"replicas": int64(3)},
	}, policy.Served{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments"}, map[string]any{"metadata": map[string]any{"name": "shop"}})
}
