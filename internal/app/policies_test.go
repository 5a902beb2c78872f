package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// governs wants the platform's own policies in force.
func governs(t *testing.T, env *kubetest.Env) {
	for _, entry := range catalogue.All() {
		if entry.Tier == policy.Mandatory {
			continue
		}
		kubetest.Eventually(t, patience, entry.Name+" is ready", func() error {
			live, ok := entry.Object.(steps.Object)
			if !ok {
				return fmt.Errorf("it is a %T", entry.Object)
			}
			if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
			if !condition.IsTrue(live.GetConditions(), condition.Ready) {
				return fmt.Errorf("conditions %+v", live.GetConditions())
			}
			return nil
		})
	}
}

// holds wants a Mandatory policy to refuse a cluster admin.
func holds(t *testing.T, env *kubetest.Env) {
	plain := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Provisioner: "ebs.csi.aws.com"}
	err := env.Client.Create(t.Context(), plain, client.DryRunAll)
	if err == nil || !strings.Contains(err.Error(), "roadbed-policy-encrypted-volumes.static.k8s.io") {
		t.Errorf("a cluster admin makes volumes that are not encrypted: %v", err)
	}
	plain.Parameters = map[string]string{"encrypted": "true"}
	if err := env.Client.Create(t.Context(), plain, client.DryRunAll); err != nil {
		t.Errorf("an encrypted class is refused: %v", err)
	}
}

// confined wants Roadbed's server to write native policies, and no guards.
func confined(t *testing.T, env *kubetest.Env) {
	server := env.ClientAs(t, identity.Roadbed, identity.RoadbedGroups()...)
	guard := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-services"}}
	if err := server.Delete(t.Context(), guard, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "roadbed-own-writes.static.k8s.io") {
		t.Errorf("the server may delete a guard: %v", err)
	}
	own := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-image-tags"}}
	if err := server.Delete(t.Context(), own, client.DryRunAll); err != nil {
		t.Errorf("the server may not delete what it made of a policy: %v", err)
	}
}

// advises wants a policy that is wrong to be refused with the path of the
// field, in every version that is served.
func advises(t *testing.T, env *kubetest.Env) {
	wrong := &policiesv1.ValidatingPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "wrong"},
		Spec: policiesv1.ValidatingPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "true"}, {Expression: "object.spec.hostNetwork.no_such_function()"}},
		},
	}
	kubetest.Eventually(t, patience, "it is refused", func() error {
		err := env.Client.Create(t.Context(), wrong.DeepCopy(), client.DryRunAll)
		if err == nil {
			return errors.New("it is accepted")
		}
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.validations[1].expression") || !strings.Contains(err.Error(), "line 1, column") {
			t.Fatalf("the refusal does not say where: %v", err)
		}
		return nil
	})
	stored := wrong.DeepCopy()
	stored.Spec.Validations = stored.Spec.Validations[:1]
	if err := env.Client.Create(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "it is enforced", func() error {
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(stored), stored); err != nil {
			return err
		}
		if c := condition.Get(stored.GetConditions(), enforce.ConditionEnforced); c == nil || c.Reason != enforce.ReasonNative {
			return fmt.Errorf("conditions %+v", stored.GetConditions())
		}
		return nil
	})
}
