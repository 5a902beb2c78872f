package override_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// admission is an API server with one policy that may be waived, named p, and a
// ledger that the test writes: the truth table of ADR 11.
type admission struct {
	client client.Client
	ledger *v1alpha1.OverrideLedger
}

// valid is what the policy asks for: it cannot be evaluated on objects without
// data.
const valid = "(object == null ? oldObject : object).data.ok == 'yes'"

func startAdmission(t *testing.T) *admission {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	a := &admission{client: env.Client, ledger: &v1alpha1.OverrideLedger{
		ObjectMeta: metav1.ObjectMeta{Name: override.ShardOf("p")}, Spec: override.Compile(nil, override.World{}).Spec,
	}}
	a.create(t, a.ledger)
	for name, tenant := range map[string]string{"a1": "a", "b1": "b"} {
		a.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{tenancyv1alpha1.LabelTenant: tenant}}})
	}
	a.create(t, validating("p", "("+valid+") || "+override.Clause("p", "validations[0]"), true)...)
	a.create(t, validating("strict", "object == null || !('strict' in object.?data.orValue({}))", false)...)
	a.create(t, mutating()...)
	kubetest.Eventually(t, 30*time.Second, "the policies are in force", func() error {
		if err := a.made(t, configMap("bad", "no")); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
			return fmt.Errorf("a bad one: %w", err)
		}
		if !a.mutated(t, configMap("good", "yes")) {
			return errors.New("nothing is mutated")
		}
		return nil
	})
	return a
}

func (a *admission) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := a.client.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

func rules(resources ...string) *admissionregistrationv1.MatchResources {
	return &admissionregistrationv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "kubernetes.io/metadata.name", Operator: "In", Values: []string{"a1", "b1", "fresh"}}}},
		ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE", "DELETE"},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: resources},
		}}},
	}
}

func validating(name, expression string, waivable bool) []client.Object {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: rules("configmaps", "namespaces"),
			Validations:      []admissionregistrationv1.Validation{{Expression: expression, Message: "it is not as it must be"}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{"Deny"}},
	}
	if waivable {
		policy.Spec.ParamKind, binding.Spec.ParamRef = override.ParamKind(), override.ParamRef("p")
		policy.Spec.AuditAnnotations = []admissionregistrationv1.AuditAnnotation{{Key: override.AuditKey, ValueExpression: override.Annotation(name)}}
	} else {
		policy.Spec.MatchConstraints = rules("configmaps")
	}
	return []client.Object{policy, binding}
}

func mutating() []client.Object {
	policy := &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			ParamKind: override.ParamKind(), MatchConstraints: rules("configmaps"), ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{
					Expression: override.Clause("p", "mutations[0]") + " ? Object{} : Object{metadata: Object.metadata{annotations: {'mutated': 'yes'}}}",
				},
			}},
		},
	}
	policy.Spec.MatchConstraints.ResourceRules[0].Operations = []admissionregistrationv1.OperationType{"CREATE", "UPDATE"}
	return []client.Object{policy, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "p", ParamRef: override.ParamRef("p")},
	}}
}

func configMap(name, ok string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a1", Name: name}, Data: map[string]string{"ok": ok}}
}

// made tries out whether an object can be created.
func (a *admission) made(t *testing.T, object client.Object) error {
	t.Helper()
	return a.client.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
}

func (a *admission) mutated(t *testing.T, object *corev1.ConfigMap) bool {
	t.Helper()
	object = object.DeepCopy()
	return a.client.Create(t.Context(), object, client.DryRunAll) == nil && object.Annotations["mutated"] == "yes"
}

// write writes the ledger, which admission reads a moment later.
func (a *admission) write(t *testing.T, waivers ...v1alpha1.Waiver) {
	t.Helper()
	a.ledger.Spec.Policies = map[string]v1alpha1.Waivers{"p": waivers}
	if err := a.client.Update(t.Context(), a.ledger); err != nil {
		t.Fatal(err)
	}
}

// waiver covers ConfigMaps of tenant a named bad, old or generated from bad.
func waiver(end time.Time) v1alpha1.Waiver {
	return v1alpha1.Waiver{
		Override: "a1/o", Rules: []string{}, Tenants: []string{"a"}, Namespaces: []string{}, Kinds: []string{"ConfigMap"},
		Names: "^(?:bad.*|old.*)$", ExpiresAt: metav1.NewTime(end.Truncate(time.Second)),
	}
}

// says waits until the API server allows or refuses, because its admission reads
// the ledger a moment after it is written.
func says(t *testing.T, allowed bool, do func() error) {
	t.Helper()
	kubetest.Eventually(t, 15*time.Second, fmt.Sprintf("allowed is %t", allowed), func() error {
		if err := do(); (err == nil) != allowed {
			return fmt.Errorf("it ends with %w", err)
		}
		return nil
	})
}

func TestTruthTable(t *testing.T) {
	t.Parallel()
	a := startAdmission(t)
	t.Run("in force", func(t *testing.T) { testInForce(t, a) })
	t.Run("expired and still in the ledger", func(t *testing.T) { testStale(t, a) })
	t.Run("a platform's override", func(t *testing.T) { testPlatform(t, a) })
	t.Run("a full ledger", func(t *testing.T) { testFull(t, a) })
	t.Run("no ledger", func(t *testing.T) { testNoLedger(t, a) })
}

func testInForce(t *testing.T, a *admission) {
	a.write(t, waiver(time.Now().Add(time.Hour)))
	says(t, true, func() error { return a.made(t, configMap("bad", "no")) })
	generated := configMap("", "no")
	generated.GenerateName = "bad-"
	broken := configMap("bad", "")
	broken.Data = nil
	elsewhere := configMap("bad", "no")
	elsewhere.Namespace = "b1"
	for name, test := range map[string]struct {
		object  client.Object
		allowed bool
	}{
		"a good one":                       {configMap("good", "yes"), true},
		"a name to be generated":           {generated, true},
		"one that cannot be judged":        {broken, true},
		"another name":                     {configMap("other", "no"), false},
		"another tenant":                   {elsewhere, false},
		"the Namespace of the tenant":      {&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "fresh", Labels: map[string]string{tenancyv1alpha1.LabelTenant: "a"}}}, false},
		"what a policy without it refuses": {&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a1", Name: "bad"}, Data: map[string]string{"strict": "no"}}, false},
	} {
		if err := a.made(t, test.object); (err == nil) != test.allowed {
			t.Errorf("%s: allowed is %t, want %t: %v", name, err == nil, test.allowed, err)
		}
	}
	if a.mutated(t, configMap("bad", "no")) {
		t.Error("a mutation that is waived happens")
	}
}

// testStale is what the API server does by itself while Roadbed is away.
func testStale(t *testing.T, a *admission) {
	old, unmanaged := configMap("old", "no"), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a1", Name: "old-unmanaged"}}
	a.create(t, old.DeepCopy(), unmanaged.DeepCopy())
	a.write(t, waiver(time.Now().Add(-time.Second)))
	forged := configMap("bad", "no")
	forged.CreationTimestamp = metav1.NewTime(time.Now().Add(-24 * time.Hour))
	update := func(object client.Object) func() error {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"data":{"more":"x"}}`))
		return func() error {
			return a.client.Patch(context.Background(), object.DeepCopyObject().(client.Object), patch, client.DryRunAll)
		}
	}
	says(t, false, func() error { return a.made(t, configMap("bad", "no")) })
	says(t, false, func() error { return a.made(t, forged) })
	says(t, false, update(old))
	says(t, true, update(unmanaged))
	says(t, true, func() error { return a.client.Delete(context.Background(), old.DeepCopy(), client.DryRunAll) })
	if !a.mutated(t, configMap("bad", "yes")) {
		t.Error("a mutation is waived by what has expired")
	}
	a.write(t)
	says(t, false, update(unmanaged))
	says(t, false, func() error { return a.client.Delete(context.Background(), old.DeepCopy(), client.DryRunAll) })
}

func testPlatform(t *testing.T, a *admission) {
	w := waiver(time.Now().Add(time.Hour))
	w.Tenants, w.Kinds, w.Names = []string{}, []string{"Namespace"}, "^(?:fresh)$"
	a.write(t, w)
	says(t, true, func() error { return a.made(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}}) })
}

// testFull has as many overrides of one policy as the ledger takes, each as
// costly as can be, and the longest name: the API server still judges.
func testFull(t *testing.T, a *admission) {
	var overrides []v1alpha1.PolicyOverride
	granted := metav1.NewTime(time.Now())
	for i := range 600 {
		o := v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{Namespace: "roadbed-system", Name: fmt.Sprintf("o%d", i)}}
		o.Spec = v1alpha1.PolicyOverrideSpec{
			Policies:  []v1alpha1.OverriddenPolicy{{Name: "p", Rules: []string{"validations[0]"}}},
			Scope:     v1alpha1.OverrideScope{Kinds: []string{"ConfigMap"}, Names: []string{fmt.Sprintf("never-%d-*-of-this-name", i)}},
			Requester: "ann", ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour)),
		}
		o.Status.GrantedAt, o.Status.Decision = &granted, &v1alpha1.OverrideDecision{Verdict: v1alpha1.VerdictApproved, By: "bob"}
		overrides = append(overrides, o)
	}
	ledger := override.Compile(overrides, override.World{Now: time.Now()})
	if len(ledger.Full) == 0 || len(ledger.Spec.Policies["p"]) < 400 {
		t.Fatalf("%d entries, %d left out", len(ledger.Spec.Policies["p"]), len(ledger.Full))
	}
	a.write(t, ledger.Spec.Policies["p"]...)
	long := configMap(strings.Repeat("n", 253), "no")
	says(t, false, func() error { return a.made(t, long) })
	if err := a.made(t, long); !strings.Contains(err.Error(), "it is not as it must be") {
		t.Errorf("it is refused for another reason: %v", err)
	}
	long.Data["ok"] = "yes"
	if err := a.made(t, long); err != nil {
		t.Errorf("a good one is refused: %v", err)
	}
}

func testNoLedger(t *testing.T, a *admission) {
	if err := a.client.Delete(t.Context(), a.ledger); err != nil {
		t.Fatal(err)
	}
	says(t, true, func() error { return a.made(t, configMap("other", "no")) })
	strict := configMap("other", "yes")
	strict.Data["strict"] = "no"
	says(t, false, func() error { return a.made(t, strict) })
}
