package main

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
)

// checks are what the benchmark's policies say of Pods: three each, none of
// which an ordinary Pod violates, so that all are evaluated to their end.
var checks = []string{
	"object.spec.containers.all(c, !c.image.endsWith(':bad%d'))",
	"object.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && c.resources.limits.exists(k, k == 'memory'))",
	"!has(object.metadata.labels) || object.metadata.labels.all(k, k.size() < 63 && object.metadata.labels[k] != 'bad%d')",
}

// many makes n policies of three validations each.
func many(n int) []*policiesv1.ValidatingPolicy {
	made := make([]*policiesv1.ValidatingPolicy, n)
	for i := range made {
		p := &policiesv1.ValidatingPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy"},
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("bench-%03d", i), Labels: map[string]string{policy.TierLabel: "mandatory"}},
			Spec: policiesv1.ValidatingPolicySpec{
				ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
				MatchConstraints:  pods(),
				Autogen:           &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{}}},
			},
		}
		for _, check := range checks {
			expression := check
			if check != checks[1] {
				expression = fmt.Sprintf(check, i)
			}
			p.Spec.Validations = append(p.Spec.Validations, admissionregistrationv1.Validation{Expression: expression, Message: "bad"})
		}
		made[i] = p
	}
	return made
}

func pods() *admissionregistrationv1.MatchResources {
	return &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
			Rule: admissionregistrationv1.Rule{
				APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}, Scope: ptr.To(admissionregistrationv1.NamespacedScope),
			},
		},
	}}}
}

// compiled are the policies as evaluators.
func compiled(policies []*policiesv1.ValidatingPolicy) ([]policy.Evaluator, error) {
	evaluators := make([]policy.Evaluator, len(policies))
	for i, p := range policies {
		evaluator, err := engine.CompileValidating(p, engine.Options{})
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", p.Name, err)
		}
		evaluators[i] = evaluator
	}
	return evaluators, nil
}

// podRequest is the request that creates the i-th Pod.
func podRequest(i int) *policy.Request {
	object := map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": fmt.Sprintf("pod-%05d", i), "namespace": "bench", "labels": map[string]any{"app": "web", "team": fmt.Sprintf("t%d", i%500)}},
		"spec": map[string]any{"containers": []any{
			container("web", i), container("sidecar", i),
		}},
	}
	namespace := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "bench", "labels": map[string]any{"kubernetes.io/metadata.name": "bench"}}}
	return policy.Existing(object, policy.Served{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}, namespace)
}

func container(name string, i int) map[string]any {
	return map[string]any{
		"name": name, "image": fmt.Sprintf("registry.example/app-%d:1", i%50),
		"resources": map[string]any{"limits": map[string]any{"memory": "64Mi", "cpu": "100m"}},
	}
}
