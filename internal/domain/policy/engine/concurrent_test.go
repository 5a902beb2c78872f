package engine

import (
	"fmt"
	"sync"
	"testing"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// TestManyAtOnce has many goroutines judge by the same compiled policies, each
// in a world of its own. The race detector watches.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	spec := podRule + "  variables: [{name: names, expression: 'object.spec.containers.map(c, c.name)'}]\n" +
		"  validations: [{expression: \"exceptions.allowedImages == [] && 'web' in variables.names && random() != ''\", messageExpression: 'string(size(variables.names))'}]\n"
	validating, err := CompileValidating(decoded[policiesv1.ValidatingPolicy](t, "metadata: {name: v}\nspec:"+spec), Options{})
	if err != nil {
		t.Fatal(err)
	}
	mutating, err := CompileMutating(decoded[policiesv1.MutatingPolicy](t, "metadata: {name: m}\nspec:"+podRule+
		"  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: Object.metadata{labels: {'name': object.metadata.name}}}\"}}]"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	images, err := CompileImageValidating(decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "false", "true", someKey)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	set := policy.NewSet([]policy.Evaluator{validating, mutating, images}, nil)
	request := creating(t, "pods", podOf("ghcr.io/acme/signed:1"))
	request.Object["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["name"] = "web"
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				decision := set.Decide(t.Context(), request, policy.World{Images: registry{}})
				if !decision.Allowed() || decision.Object["metadata"].(map[string]any)["labels"].(map[string]any)["name"] != "web" {
					t.Errorf("got %v", decision.Results)
				}
			}
		})
	}
	group.Wait()
}
