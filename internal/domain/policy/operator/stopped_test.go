package operator_test

import (
	"errors"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func secret(namespace string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "any"}}
}

// testStopped wants policies to hold while Roadbed is stopped, and what was
// deleted meanwhile to go when it is back.
func testStopped(t *testing.T, p *platform) {
	p.namespace(t, "stopped")
	p.namespace(t, "forgotten")
	decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("stopped", "mandatory", wantsOwner))
	forgotten := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("forgotten", "mandatory", wantsOwner))
	p.refused(t, configMap("stopped", "bad", nil), refusal)
	p.refused(t, configMap("forgotten", "bad", nil), refusal)
	p.halt(t)
	if err := p.client.Delete(t.Context(), forgotten); err != nil {
		t.Fatal(err)
	}
	p.refused(t, configMap("stopped", "bad", nil), refusal)
	p.refused(t, configMap("forgotten", "bad", nil), refusal)
	p.run(t)
	p.passes(t, configMap("forgotten", "bad", nil))
	p.refused(t, configMap("stopped", "bad", nil), refusal)
}

// TestOlderKyverno wants a kind that is served in another version only to be left
// out, and all others to be enforced.
func TestOlderKyverno(t *testing.T) {
	t.Parallel()
	const kind = "namespacedmutatingpolicies.policies.kyverno.io"
	p := start(t, func(env *kubetest.Env) {
		definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: kind}}
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(definition), definition); err != nil {
			t.Fatal(err)
		}
		for i := range definition.Spec.Versions {
			definition.Spec.Versions[i].Served = definition.Spec.Versions[i].Name != "v1"
		}
		if err := env.Client.Update(t.Context(), definition); err != nil {
			t.Fatal(err)
		}
		kubetest.Eventually(t, patience, "v1 is not served", func() error {
			if err := env.Client.List(t.Context(), &policiesv1.NamespacedMutatingPolicyList{}); err == nil {
				return errors.New("it still is")
			}
			return nil
		})
	})
	p.namespace(t, "older")
	decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("older", "mandatory", wantsOwner))
	p.refused(t, configMap("older", "bad", nil), refusal)
}

// testRival wants policies to be left to a Kyverno that comes, and taken over
// from one that goes.
func testRival(t *testing.T, p *platform) {
	p.namespace(t, "rival")
	made := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("rival", "mandatory", wantsOwner))
	p.refused(t, configMap("rival", "bad", nil), refusal)
	hooks := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{
		Name: "kyverno-resource-validating-webhook-cfg", Labels: map[string]string{enforce.RivalLabel: enforce.RivalManager},
	}}
	p.create(t, hooks)
	p.conditioned(t, made, enforce.ConditionEnforced, policiesv1.ReasonLeftToKyverno, "kyverno-resource-validating-webhook-cfg")
	p.passes(t, configMap("rival", "bad", nil))
	if err := p.client.Delete(t.Context(), hooks, &client.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	p.conditioned(t, made, enforce.ConditionEnforced, enforce.ReasonNative, "")
	p.refused(t, configMap("rival", "bad", nil), refusal)
}
