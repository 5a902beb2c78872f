package override_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// admission is an API server with two policies that may be waived, named p, and
// what the test says waives them: the truth table of ADR 11. There is no Roadbed,
// and none of its kinds.
type admission struct{ client client.Client }

// message is what p and strict say of bad objects.
const message = "it is not as it must be"

// validates cannot be evaluated on objects without data.
const validates = `
metadata: {name: p, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints:
    namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [a1, b1, fresh]}]}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps, namespaces]}
  validations:
  - expression: "(object == null ? oldObject : object).data.ok == 'yes'"
    message: it is not as it must be
`

const strict = `
metadata: {name: strict, labels: {policy.roadbed.dev/tier: mandatory}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps]}
  validations:
  - expression: "object == null || !('strict' in object.?data.orValue({}))"
    message: it is not as it must be
`

const mutates = `
metadata: {name: p, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: "Object{metadata: Object.metadata{annotations: {'mutated': 'yes'}}}"
`

func startAdmission(t *testing.T) *admission {
	t.Helper()
	a := &admission{client: kubetest.Private(t).Client}
	a.install(t)
	return a
}

// install makes the policies and the places they are about, and returns when they
// are in force.
func (a *admission) install(t *testing.T) {
	t.Helper()
	for name, tenant := range map[string]string{"a1": "a", "b1": "b"} {
		a.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{tenancyv1alpha1.LabelTenant: tenant}}})
	}
	a.create(t, compiled(t, strict, nil)...)
	a.create(t, waivable(t, nil)...)
	kubetest.Eventually(t, time.Minute, "the policies are in force", func() error {
		if err := a.made(t, configMap("bad", "no")); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
			return fmt.Errorf("a bad one: %w", err)
		}
		if !a.mutated(t, configMap("good", "yes")) {
			return errors.New("nothing is mutated")
		}
		return nil
	})
}

// waivable are the policies named p as the API server has them.
func waivable(t *testing.T, waivers v1alpha1.Waivers) native.Objects {
	t.Helper()
	var p policiesv1.MutatingPolicy
	if err := yaml.UnmarshalStrict([]byte(mutates), &p); err != nil {
		t.Fatal(err)
	}
	objects, reason, err := native.Mutating(&p, native.Options{Waivers: waivers})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	return append(compiled(t, validates, waivers), objects...)
}

func compiled(t *testing.T, source string, waivers v1alpha1.Waivers) native.Objects {
	t.Helper()
	var p policiesv1.ValidatingPolicy
	if err := yaml.UnmarshalStrict([]byte(source), &p); err != nil {
		t.Fatal(err)
	}
	objects, reason, err := native.Validating(&p, native.Options{Waivers: waivers})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	return objects
}

func (a *admission) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := a.client.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
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

// write says what waives the policies; admission reads it a moment later.
func (a *admission) write(t *testing.T, waivers ...v1alpha1.Waiver) {
	t.Helper()
	for _, object := range waivable(t, waivers) {
		there := object.DeepCopyObject().(client.Object)
		if err := a.client.Get(t.Context(), client.ObjectKeyFromObject(object), there); err != nil {
			t.Fatal(err)
		}
		object.SetResourceVersion(there.GetResourceVersion())
		if err := a.client.Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
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
// policies a moment after they are written.
func says(t *testing.T, allowed bool, do func() error) {
	t.Helper()
	kubetest.Eventually(t, time.Minute, fmt.Sprintf("allowed is %t", allowed), func() error {
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
	t.Run("expired and not taken out", func(t *testing.T) { testStale(t, a) })
	t.Run("a platform's override", func(t *testing.T) { testPlatform(t, a) })
	t.Run("a full ledger", func(t *testing.T) { testFull(t, a) })
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
	if err := a.made(t, long); !strings.Contains(err.Error(), message) {
		t.Errorf("it is refused for another reason: %v", err)
	}
	long.Data["ok"] = "yes"
	if err := a.made(t, long); err != nil {
		t.Errorf("a good one is refused: %v", err)
	}
}
