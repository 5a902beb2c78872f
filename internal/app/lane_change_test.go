package app_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// beside is about a Kyverno that comes and goes.
func (w *laneWorld) beside(t *testing.T) {
	kyverno := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "kyverno-resource-validating-webhook-cfg", Labels: map[string]string{enforce.RivalLabel: enforce.RivalManager}},
	}
	w.put(t, kyverno)
	kubetest.Eventually(t, patience, "Roadbed's configuration goes", func() error {
		if err := w.configured(t, nil); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there still, or: %w", err)
		}
		return nil
	})
	if err := w.env.Client.Delete(t.Context(), kyverno); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "Roadbed's configuration comes back", func() error { return w.configured(t, nil) })
}

// later is about a kind that is made after the policy on it.
func (w *laneWorld) later(t *testing.T) {
	w.put(t, decoded(t, &kyvernov1.ClusterPolicy{}, `
metadata: {name: widgets}
spec:
  rules:
  - name: none
    match: {any: [{resources: {kinds: [Widget]}}]}
    validate: {failureAction: Audit, message: no widgets, deny: {}}
`))
	w.put(t, &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.lanes.example"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "lanes.example", Scope: apiextensionsv1.ClusterScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Kind: "Widget"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
			}},
		},
	})
	kubetest.Eventually(t, patience, "widgets are judged", func() error {
		return w.configured(t, func(rule admissionv1.RuleWithOperations) bool {
			return rule.APIGroups[0] == "lanes.example" && slices.Contains(rule.Resources, "widgets")
		})
	})
}

// configured is an error unless a configuration has the rule, where one is given.
func (w *laneWorld) configured(t *testing.T, rule func(admissionv1.RuleWithOperations) bool) error {
	t.Helper()
	var now admissionv1.ValidatingWebhookConfiguration
	if err := w.env.Client.Get(t.Context(), client.ObjectKey{Name: webhook.Name}, &now); err != nil {
		return err
	}
	for _, hook := range now.Webhooks {
		if rule == nil || slices.ContainsFunc(hook.Rules, rule) {
			return nil
		}
	}
	return errors.New("the rule is not there")
}
