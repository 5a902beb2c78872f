package operator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const requireOwner = `
metadata: {name: require-owner, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps, serviceaccounts]}
  validations:
  - expression: "'owner' in (object == null ? oldObject : object).metadata.labels"
    message: nobody owns this
`

const addOwner = `
metadata: {name: add-owner, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps, serviceaccounts]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: "Object{metadata: Object.metadata{annotations: {'touched': 'yes'}}}"
`

// lanes are the three places in which the same policies decide: the API server,
// the command line, which compiles the overrides itself, and whoever follows the
// ledger, such as a scan.
type lanes struct {
	*platform
	evaluators []policy.Evaluator
}

func startLanes(t *testing.T) *lanes {
	t.Helper()
	p := start(t, clock.RealClock{})
	var validating policiesv1.ValidatingPolicy
	var mutating policiesv1.MutatingPolicy
	decode(t, requireOwner, &validating)
	decode(t, addOwner, &mutating)
	first, reason, err := native.Validating(&validating, native.Options{})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	second, reason, err := native.Mutating(&mutating, native.Options{})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	for _, object := range append(first, second...) {
		p.create(t, object)
	}
	l := &lanes{platform: p}
	compiled, err := engine.CompileValidating(&validating, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mutator, err := engine.CompileMutating(&mutating, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.evaluators = []policy.Evaluator{compiled, mutator}
	p.policies.set(compiled.Info(), mutator.Info())
	kubetest.Eventually(t, patience, "the native policies are in force", func() error {
		if got := l.native(t, configMap("vendor-probe")); got != (verdict{}) {
			return fmt.Errorf("the API server says %+v", got)
		}
		if got := l.native(t, owned(configMap("vendor-probe"))); got != (verdict{allowed: true, touched: true}) {
			return fmt.Errorf("of an owned one the API server says %+v", got)
		}
		return nil
	})
	return l
}

func decode(t *testing.T, source string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(source), into); err != nil {
		t.Fatal(err)
	}
}

// verdict is what a lane makes of an object that is created.
type verdict struct {
	// allowed by the validating policy, touched by the mutating one.
	allowed, touched bool
}

// configMap has content, because the API server notes nobody as the manager of an
// object without any.
func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		Data:       map[string]string{"a": "a"},
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name, Labels: map[string]string{}},
	}
}

func owned(object client.Object) client.Object {
	object.SetLabels(map[string]string{"owner": "payments"})
	return object
}

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name, Labels: map[string]string{}},
	}
}

// generated has its name still to be made.
func generated(prefix string) *corev1.ConfigMap {
	object := configMap("")
	object.GenerateName = prefix
	return object
}

// native asks the API server.
func (l *lanes) native(t *testing.T, object client.Object) verdict {
	t.Helper()
	object = object.DeepCopyObject().(client.Object)
	err := l.client.Create(t.Context(), object, client.DryRunAll)
	if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Fatal(err)
	}
	return verdict{allowed: err == nil, touched: err == nil && object.GetAnnotations()["touched"] != ""}
}

// inProcess asks the engine with overrides.
func (l *lanes) inProcess(t *testing.T, object client.Object, waivers policy.Waivers) verdict {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	kind := object.GetObjectKind().GroupVersionKind()
	var namespace corev1.Namespace
	if err := l.client.Get(t.Context(), client.ObjectKey{Name: place}, &namespace); err != nil {
		t.Fatal(err)
	}
	where, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&namespace)
	if err != nil {
		t.Fatal(err)
	}
	resource := map[string]string{"ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts"}[kind.Kind]
	decision := policy.NewSet(l.evaluators, waivers).Decide(t.Context(), &policy.Request{
		Operation: admissionv1.Create, Kind: kind, Resource: kind.GroupVersion().WithResource(resource),
		Namespace: place, Name: object.GetName(), Object: content, NamespaceObject: where,
	}, policy.World{Now: time.Now()})
	result := unstructured.Unstructured{Object: decision.Object}
	return verdict{allowed: decision.Allowed(), touched: decision.Allowed() && decision.Object != nil && result.GetAnnotations()["touched"] != ""}
}

// compiled are the overrides as the command line has them.
func (l *lanes) compiled(t *testing.T) policy.Waivers {
	t.Helper()
	var list v1alpha1.PolicyOverrideList
	if err := l.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	waivers, err := override.NewWaivers(override.Compile(list.Items, override.World{
		Places: map[string]override.Place{place: {Tenant: "payments"}}, Now: time.Now(),
	}).Spec)
	if err != nil {
		t.Fatal(err)
	}
	return waivers
}

// agree waits until all three lanes say the same of the object.
func (l *lanes) agree(t *testing.T, when string, object client.Object, want verdict) {
	t.Helper()
	kubetest.Eventually(t, 10*time.Second, fmt.Sprintf("%s, everybody says %+v of %s %s%s", when, want, object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), object.GetGenerateName()), func() error {
		admission, commandLine, scan := l.native(t, object), l.inProcess(t, object, l.compiled(t)), l.inProcess(t, object, l.platform.live)
		if admission != want || commandLine != want || scan != want {
			return fmt.Errorf("admission says %+v, the command line %+v, a scan %+v", admission, commandLine, scan)
		}
		return nil
	})
}

// TestThreeLanes asks admission, the command line and a scan about the same
// objects through an override's life.
func TestThreeLanes(t *testing.T) {
	t.Parallel()
	l := startLanes(t)
	t.Run("of what an override covers", func(t *testing.T) { testCovered(t, l) })
	t.Run("the trail tells of uses", func(t *testing.T) { testUsed(t, l) })
	t.Run("when it expires", func(t *testing.T) { testExpires(t, l) })
	t.Run("when it expires while Roadbed is away", func(t *testing.T) { testExpiresAlone(t, l) })
}

func testCovered(t *testing.T, l *lanes) {
	refused, untouched, touched := verdict{}, verdict{allowed: true}, verdict{allowed: true, touched: true}
	vendor := configMap("vendor-1")
	l.agree(t, "before anybody asks", vendor, refused)
	l.ask(t, "vendor", day)
	l.awaits(t, "vendor", v1alpha1.PhasePending)
	l.agree(t, "before anybody approves", vendor, refused)
	l.decide(t, "vendor", v1alpha1.VerdictApproved)
	l.awaits(t, "vendor", v1alpha1.PhaseActive)
	l.agree(t, "in force", vendor, untouched)
	l.agree(t, "in force, with a name to be made", generated("vendor-"), untouched)
	l.agree(t, "in force, of another name", configMap("other"), refused)
	l.agree(t, "in force, of another kind", account("vendor-1"), refused)
	l.agree(t, "in force, of an obedient one", owned(configMap("vendor-1")), untouched)
	l.agree(t, "in force, of an obedient one that is not covered", owned(configMap("other")), touched)
	l.decide(t, "vendor", v1alpha1.VerdictRevoked)
	l.awaits(t, "vendor", v1alpha1.PhaseRevoked)
	l.agree(t, "revoked", vendor, refused)
}

// testUsed shows that requests which an override covered are on the trail, with
// who made them; dry runs and others are not.
func testUsed(t *testing.T, l *lanes) {
	l.ask(t, "used", day)
	l.decide(t, "used", v1alpha1.VerdictApproved)
	l.awaits(t, "used", v1alpha1.PhaseActive)
	l.agree(t, "in force", configMap("vendor-used"), verdict{allowed: true})
	if err := l.by(t, "cy").Create(t.Context(), configMap("vendor-used")); err != nil {
		t.Fatal(err)
	}
	if err := l.by(t, "cy").Create(t.Context(), owned(configMap("other"))); err != nil {
		t.Fatal(err)
	}
	l.decide(t, "used", v1alpha1.VerdictRevoked)
	l.awaits(t, "used", v1alpha1.PhaseRevoked)
	kubetest.Eventually(t, patience, "the use is on the trail, once", func() error {
		got := told(l.trail, "used")
		slices.Sort(got)
		if want := []string{"bob policy.override.grant", "bob policy.override.revoke", "cy policy.override.use"}; !slices.Equal(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

// briefly is the life of overrides that tests outlive: long enough to be
// approved and asked about on a busy machine.
const briefly = 6 * time.Second

func testExpires(t *testing.T, l *lanes) {
	l.ask(t, "brief", briefly)
	l.decide(t, "brief", v1alpha1.VerdictApproved)
	o := l.awaits(t, "brief", v1alpha1.PhaseExpiringSoon)
	l.await(t, o.Spec.ExpiresAt.Time)
	if got := l.native(t, configMap("vendor-1")); got != (verdict{}) {
		t.Errorf("at its end admission says %+v of a new object", got)
	}
	if got := l.inProcess(t, configMap("vendor-1"), l.live); got != (verdict{}) {
		t.Errorf("at its end a scan says %+v", got)
	}
	kubetest.Eventually(t, 5*time.Second, "the ledger lets go", func() error { return l.absent(t, "require-owner", "brief") })
	l.agree(t, "expired", configMap("vendor-1"), verdict{})
	l.awaits(t, "brief", v1alpha1.PhaseExpired)
	l.wantTrail(t, "brief", "bob policy.override.grant", identity.Roadbed+" policy.override.expire")
}

// await returns after the moment.
func (l *lanes) await(t *testing.T, moment time.Time) {
	t.Helper()
	kubetest.Eventually(t, patience, "the moment comes", func() error {
		if left := time.Until(moment); left > 0 {
			return fmt.Errorf("%v to go", left)
		}
		return nil
	})
}

// testExpiresAlone stops Roadbed while an override is in force. The API server
// ends it by itself for what is created and updated; deletion waits for Roadbed.
func testExpiresAlone(t *testing.T, l *lanes) {
	l.ask(t, "alone", briefly)
	l.decide(t, "alone", v1alpha1.VerdictApproved)
	o := l.awaits(t, "alone", v1alpha1.PhaseExpiringSoon)
	made := configMap("vendor-made")
	kubetest.Eventually(t, patience, "it is made", func() error { return l.client.Create(t.Context(), made.DeepCopy()) })
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	l.await(t, o.Spec.ExpiresAt.Time)
	if err := l.absent(t, "require-owner", "alone"); err == nil {
		t.Fatal("somebody took the entry out of the ledger")
	}
	if got := l.native(t, configMap("vendor-2")); got != (verdict{}) {
		t.Errorf("without Roadbed, admission says %+v of a new object", got)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"data":{"a":"b"}}`))
	if err := l.client.Patch(t.Context(), made.DeepCopy(), patch, client.DryRunAll); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("without Roadbed, an update is not refused: %v", err)
	}
	if err := l.client.Delete(t.Context(), made.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("a deletion tells no time, yet it is refused: %v", err)
	}
	l.run(t)
	l.awaits(t, "alone", v1alpha1.PhaseExpired)
	kubetest.Eventually(t, 5*time.Second, "a deletion is refused as well", func() error {
		if err := l.client.Delete(t.Context(), made.DeepCopy(), client.DryRunAll); err == nil {
			return errors.New("it is not")
		}
		return nil
	})
	kubetest.Eventually(t, patience, "the trail tells of its life, once", func() error {
		told := slices.DeleteFunc(told(l.trail, "alone"), func(record string) bool { return strings.HasSuffix(record, ".use") })
		if want := []string{"bob policy.override.grant", identity.Roadbed + " policy.override.expire"}; !slices.Equal(told, want) {
			return fmt.Errorf("%v, want %v", told, want)
		}
		return nil
	})
}
