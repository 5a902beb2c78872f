package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func rbacScheme(scheme *runtime.Scheme) error { return rbacv1.AddToScheme(scheme) }

// policyFor is a policy about the ConfigMaps of one namespace.
func policyFor(namespace, tier, expression string) string {
	return fmt.Sprintf(`
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata:
  name: %[1]s
  labels: {policy.roadbed.dev/tier: %[2]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {test: %[1]s}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}
  validations:
  - expression: %[3]q
    message: the platform wants it otherwise
`, namespace, tier, expression)
}

const (
	wantsOwner = "'owner' in object.?data.orValue({})"
	wantsTeam  = "'team' in object.?data.orValue({})"
	refusal    = "the platform wants it otherwise"
)

// TestOnTheServer runs on a plane of its own: what is in force is in force for
// everybody.
func TestOnTheServer(t *testing.T) {
	t.Parallel()
	p := start(t)
	t.Run("together", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *platform){
			"lifecycle": testLifecycle, "tiers": testTiers, "mutation": testMutation, "namespaced": testNamespaced,
			"drift": testDrift, "wrong policies": testWrong, "selected in vain": testInVain, "waits": testWaits, "what the API server cannot do": testLookup, "system": testSystem, "platform": testPlatform,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, p) })
		}
	})
	t.Run("stopped", func(t *testing.T) { testStopped(t, p) })
	t.Run("beside Kyverno", func(t *testing.T) { testRival(t, p) })
}

func testLifecycle(t *testing.T, p *platform) {
	const name = "lifecycle"
	p.namespace(t, name)
	made := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor(name, "mandatory", wantsOwner))
	p.refused(t, configMap(name, "bad", nil), refusal)
	p.passes(t, configMap(name, "good", map[string]string{"owner": "me"}))
	p.conditioned(t, made, enforce.ConditionEnforced, enforce.ReasonNative, "roadbed-policy-lifecycle")
	p.conditioned(t, made, enforce.ConditionCompiled, enforce.ReasonCompiled, "The policy is Mandatory and has 1 rule.")
	if !made.Status.Generated || made.Status.ConditionStatus.Ready == nil || !*made.Status.ConditionStatus.Ready {
		t.Errorf("status is %+v", made.Status)
	}
	made.Spec.Validations[0].Expression = wantsTeam
	if err := p.client.Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	p.refused(t, configMap(name, "old", map[string]string{"owner": "me"}), refusal)
	p.passes(t, configMap(name, "new", map[string]string{"team": "mine"}))
	if err := p.client.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	p.passes(t, configMap(name, "bad", nil))
	p.absent(t, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-lifecycle"}})
	want := []string{"policy.native.create", "policy.native.update", "policy.native.delete"}
	if got := p.trail.Actions("ValidatingAdmissionPolicy", "roadbed-policy-lifecycle"); !slices.Equal(got, want) {
		t.Errorf("on the trail are %v, want %v", got, want)
	}
}

func (p *platform) absent(t *testing.T, object client.Object) {
	t.Helper()
	kubetest.Eventually(t, patience, object.GetName()+" is gone", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(object), object); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// testTiers shows what each tier does; an override needs the ledger, which is
// there from the start.
func testTiers(t *testing.T, p *platform) {
	p.namespace(t, "tier-default")
	p.namespace(t, "tier-recommended")
	byDefault := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("tier-default", "default", wantsOwner))
	advice := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("tier-recommended", "recommended", wantsOwner))
	p.conditioned(t, byDefault, condition.Ready, condition.ReasonReady, "")
	p.conditioned(t, advice, condition.Ready, condition.ReasonReady, "")
	p.refused(t, configMap("tier-default", "bad", nil), refusal)
	p.passes(t, configMap("tier-default", "good", map[string]string{"owner": "me"}))
	kubetest.Eventually(t, patience, "a warning is shown", func() error {
		if err := p.client.Create(t.Context(), configMap("tier-recommended", "bad", nil), client.DryRunAll); err != nil {
			return err
		}
		if !p.warnings.with("roadbed-policy-tier-recommended") {
			return errors.New("no warning yet")
		}
		return nil
	})
}

func testMutation(t *testing.T, p *platform) {
	const name = "mutation"
	p.namespace(t, name)
	made := decode(t, p, &policiesv1.MutatingPolicy{}, `
apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata: {name: mutation}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {test: mutation}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        Object{metadata: Object.metadata{labels: Object.metadata.labels{team: "platform"}}}
`)
	p.conditioned(t, made, enforce.ConditionEnforced, enforce.ReasonNative, "roadbed-policy-mutation")
	labelled := func(want string) {
		t.Helper()
		kubetest.Eventually(t, patience, "the label is "+want, func() error {
			object := configMap(name, "any", nil)
			if err := p.client.Create(t.Context(), object, client.DryRunAll); err != nil {
				return err
			}
			if object.Labels["team"] != want {
				return fmt.Errorf("labels are %v", object.Labels)
			}
			return nil
		})
	}
	labelled("platform")
	if err := p.client.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	labelled("")
}

func testNamespaced(t *testing.T, p *platform) {
	p.namespace(t, "namespaced")
	p.namespace(t, "namespaced-else")
	made := decode(t, p, &policiesv1.NamespacedValidatingPolicy{}, `
apiVersion: policies.kyverno.io/v1
kind: NamespacedValidatingPolicy
metadata: {name: own, namespace: namespaced, labels: {policy.roadbed.dev/tier: mandatory}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
  validations:
  - expression: "'owner' in object.?data.orValue({})"
    message: the platform wants it otherwise
`)
	p.refused(t, configMap("namespaced", "bad", nil), refusal)
	p.passes(t, configMap("namespaced-else", "bad", nil))
	if err := p.client.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	p.passes(t, configMap("namespaced", "bad", nil))
}

// testDrift changes native objects by hand: what is taken away comes back, and
// what is added goes.
func testDrift(t *testing.T, p *platform) {
	const name = "drift"
	p.namespace(t, name)
	made := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor(name, "mandatory", wantsOwner))
	p.conditioned(t, made, condition.Ready, condition.ReasonReady, "")
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-drift"}}
	if err := p.client.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	p.refused(t, configMap(name, "bad", nil), refusal)
	native := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-drift"}}
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(native), native); err != nil {
		t.Fatal(err)
	}
	native.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "never", Expression: "false"}}
	native.Labels = nil
	if err := p.client.Update(t.Context(), native); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the condition that switches it off is taken out", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(native), native); err != nil {
			return err
		}
		if len(native.Spec.MatchConditions) > 0 || len(native.Labels) == 0 {
			return fmt.Errorf("conditions %v, labels %v", native.Spec.MatchConditions, native.Labels)
		}
		return nil
	})
	p.refused(t, configMap(name, "bad", nil), refusal)
}

// testWrong wants a wrong policy to say where it is wrong, and to leave in
// force what was.
func testWrong(t *testing.T, p *platform) {
	const name = "wrong"
	p.namespace(t, name)
	made := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor(name, "mandatory", wantsOwner))
	p.refused(t, configMap(name, "bad", nil), refusal)
	made.Spec.Validations[0].Expression = "object.data.size( > 1"
	for {
		err := p.client.Update(t.Context(), made)
		if err == nil {
			break
		}
		if !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		expression := made.Spec.Validations[0].Expression
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(made), made); err != nil {
			t.Fatal(err)
		}
		made.Spec.Validations[0].Expression = expression
	}
	p.conditioned(t, made, enforce.ConditionCompiled, enforce.ReasonInvalid, "spec.validations[0].expression")
	p.conditioned(t, made, condition.Ready, enforce.ReasonInvalid, "spec.validations[0].expression")
	if made.Status.ConditionStatus.Ready == nil || *made.Status.ConditionStatus.Ready {
		t.Errorf("Kyverno's own field says ready: %+v", made.Status.ConditionStatus)
	}
	p.refused(t, configMap(name, "bad", nil), refusal)
	p.passes(t, configMap(name, "good", map[string]string{"owner": "me"}))
}

func testLookup(t *testing.T, p *platform) {
	p.namespace(t, "lookup")
	made := decode(t, p, &policiesv1.ValidatingPolicy{}, policyFor("lookup", "mandatory", "resource.List('v1', 'configmaps', 'lookup').items.size() < 100"))
	p.conditioned(t, made, enforce.ConditionEnforced, enforce.ReasonNotEnforced, "looks other objects up")
	p.absent(t, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "roadbed-policy-lookup"}})
}

// testSystem wants a policy for everything to leave the system alone.
func testSystem(t *testing.T, p *platform) {
	p.namespace(t, "everything")
	decode(t, p, &policiesv1.ValidatingPolicy{}, `
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: everything, labels: {policy.roadbed.dev/tier: mandatory}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}
  validations:
  - expression: "false"
    message: the platform wants it otherwise
`)
	p.refused(t, secret("everything"), refusal)
	p.passes(t, secret("kube-system"))
	p.passes(t, secret("roadbed-system"))
}

// testPlatform wants the platform's own policies, where they are objects,
// restored when somebody takes one away.
func testPlatform(t *testing.T, p *platform) {
	const name = "roadbed-policy-encrypted-volumes"
	for _, entry := range catalogue.Of(policy.Mandatory) {
		if mandatory, ok := entry.Object.(*policiesv1.ValidatingPolicy); ok && native.Name(mandatory) == name {
			objects, _, err := native.Validating(mandatory, native.Options{Platform: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				p.create(t, object)
			}
		}
	}
	plain := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Provisioner: "ebs.csi.aws.com"}
	p.refused(t, plain, "not encrypted at rest")
	for _, object := range []client.Object{
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}},
	} {
		if err := p.client.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	kubetest.Eventually(t, patience, "the policy and its binding are restored", func() error {
		policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
		binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
		return errors.Join(
			p.client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy),
			p.client.Get(t.Context(), client.ObjectKeyFromObject(binding), binding),
		)
	})
	p.refused(t, plain, "not encrypted at rest")
}
