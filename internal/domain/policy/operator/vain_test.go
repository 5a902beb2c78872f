package operator_test

import (
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// testInVain names kinds that a policy never concerns, until they are served; for
// its other kinds it is ready.
func testInVain(t *testing.T, p *platform) {
	const name = "vain"
	p.namespace(t, name)
	lone := decode(t, p, &policiesv1.NamespacedValidatingPolicy{}, `
apiVersion: policies.kyverno.io/v1
kind: NamespacedValidatingPolicy
metadata: {name: vain, namespace: vain, labels: {policy.roadbed.dev/tier: mandatory}}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [namespaces, configmaps]}]}
  validations: [{expression: "'owner' in object.?data.orValue({})", message: the platform wants it otherwise}]
`)
	p.conditioned(t, lone, enforce.ConditionCompiled, enforce.ReasonInVain, "Selected in vain: v1/namespaces is in no namespace, and the policy is about namespace vain alone.")
	p.refused(t, configMap(name, "bad", nil), refusal)

	const rule = "spec: {rules: [{name: r, match: {any: [{resources: {kinds: [Secret, vain.example/v1/Gadget]}}]}, validate: {pattern: {metadata: {name: '?*'}}}}]}"
	made := decode(t, p, &kyvernov1.ClusterPolicy{}, "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: vain, labels: {policy.roadbed.dev/tier: recommended}}\n"+rule)
	p.conditioned(t, made, enforce.ConditionCompiled, enforce.ReasonInVain, "Selected in vain: the cluster serves no vain.example/v1/Gadget.")
	p.conditioned(t, made, condition.Ready, condition.ReasonReady, "")
	p.create(t, gadgets())
	looks := 0
	kubetest.Eventually(t, patience, "the kind is found", func() error {
		// It would look by itself after a minute.
		looks++
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{"looks":"%d"}}}`, looks))
		if err := p.client.Patch(t.Context(), made, patch); err != nil {
			return err
		}
		if c := condition.Get(made.GetConditions(), enforce.ConditionCompiled); c == nil || c.Reason != enforce.ReasonCompiled {
			return fmt.Errorf("conditions are %+v", made.GetConditions())
		}
		return nil
	})
}

// gadgets is a kind of somebody's own.
func gadgets() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "gadgets.vain.example"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "vain.example", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "gadgets", Kind: "Gadget"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
			}},
		},
	}
}

// testWaits: the API server refuses waits for a webhook that it would not take.
func testWaits(t *testing.T, p *platform) {
	seconds := func(n int32) *int32 { return &n }
	for _, object := range []client.Object{
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: kyvernov1.Spec{WebhookTimeoutSeconds: seconds(31)}},
		&kyvernov1.ClusterPolicy{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: kyvernov1.Spec{WebhookConfiguration: &kyvernov1.WebhookConfiguration{TimeoutSeconds: seconds(0)}}},
		&policiesv1.ValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: policiesv1.ValidatingPolicySpec{WebhookConfiguration: &policiesv1.WebhookConfiguration{TimeoutSeconds: seconds(31)}}},
		&policiesv1.MutatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: "waits"}, Spec: policiesv1.MutatingPolicySpec{WebhookConfiguration: &policiesv1.WebhookConfiguration{TimeoutSeconds: seconds(0)}}},
	} {
		if err := p.client.Create(t.Context(), object, client.DryRunAll); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "imeoutSeconds") {
			t.Errorf("%T: %v, want a refusal for its timeoutSeconds", object, err)
		}
	}
}
