package operator_test

import (
	"context"
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
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
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
	p := start(t, clock.RealClock{}, func(host *module.Host) error { return enforce.Setup(host, enforce.Options{}) })
	var validating policiesv1.ValidatingPolicy
	var mutating policiesv1.MutatingPolicy
	decode(t, requireOwner, &validating)
	decode(t, addOwner, &mutating)
	p.create(t, &validating)
	p.create(t, &mutating)
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
	kubetest.Eventually(t, time.Minute, fmt.Sprintf("%s, everybody says %+v of %s %s%s", when, want, object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), object.GetGenerateName()), func() error {
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
	t.Run("when the API server has just started", func(t *testing.T) { testStarted(t, l) })
}

// testStarted starts the API server anew, without Roadbed. It learns of custom
// kinds within half a minute; what it is asked before, it must answer right.
func testStarted(t *testing.T, l *lanes) {
	l.ask(t, "lasting", day)
	l.decide(t, "lasting", v1alpha1.VerdictApproved)
	l.awaits(t, "lasting", v1alpha1.PhaseActive)
	l.agree(t, "in force", configMap("vendor-1"), verdict{allowed: true})
	if err := errors.Join(l.stop(), l.env.Plane.Stop(t.Context())); err != nil {
		t.Fatal(err)
	}
	plane, err := kubetest.StartPlane(t.Context(), kubetest.WithDataDir(l.dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if l.client, err = client.New(plane.AdminConfig(), client.Options{Scheme: l.env.Scheme}); err != nil {
		t.Fatal(err)
	}
	for what, asked := range map[string]struct {
		object client.Object
		want   verdict
	}{
		"a bad one":             {configMap("fresh"), verdict{}},
		"a good one":            {owned(configMap("fresh")), verdict{allowed: true, touched: true}},
		"one that is waived":    {configMap("vendor-1"), verdict{allowed: true}},
		"one of a waived name":  {account("vendor-1"), verdict{}},
		"a good one, of a name": {owned(account("vendor-1")), verdict{allowed: true, touched: true}},
	} {
		if got := l.native(t, asked.object); got != asked.want {
			t.Errorf("of %s the API server says %+v, want %+v", what, got, asked.want)
		}
	}
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

// brief has overrides made that tests outlive, each for twice as long as the one
// before, until one is still in force when meanwhile is done: how long that takes
// depends on the machine. Where one was not, after undoes that.
func (l *lanes) brief(t *testing.T, name string, meanwhile, after func()) *v1alpha1.PolicyOverride {
	t.Helper()
	for life := 6 * time.Second; ; life *= 2 {
		o := request(fmt.Sprint(name, "-", life), life)
		err := l.by(t, "ann").Create(t.Context(), o)
		if err == nil {
			err = l.decision(t, "bob", o.Name, v1alpha1.VerdictApproved)
		}
		if err != nil && time.Now().Before(o.Spec.ExpiresAt.Time) {
			t.Fatal(err)
		}
		kubetest.Eventually(t, patience, "override "+o.Name+" is about to expire", func() error {
			err := l.client.Get(t.Context(), client.ObjectKeyFromObject(o), o)
			if err == nil && o.Status.Phase == v1alpha1.PhaseExpiringSoon || time.Now().After(o.Spec.ExpiresAt.Time) {
				return nil
			}
			return errors.Join(err, fmt.Errorf("it is %q: %+v", o.Status.Phase, o.Status.Conditions))
		})
		if o.Status.Phase == v1alpha1.PhaseExpiringSoon {
			meanwhile()
			if time.Now().Before(o.Spec.ExpiresAt.Time) {
				return o
			}
			after()
		}
		t.Logf("%v were too short", life)
	}
}

func testExpires(t *testing.T, l *lanes) {
	o := l.brief(t, "brief", func() {}, func() {})
	l.await(t, o.Spec.ExpiresAt.Time)
	if got := l.native(t, configMap("vendor-1")); got != (verdict{}) {
		t.Errorf("at its end admission says %+v of a new object", got)
	}
	if got := l.inProcess(t, configMap("vendor-1"), l.live); got != (verdict{}) {
		t.Errorf("at its end a scan says %+v", got)
	}
	kubetest.Eventually(t, time.Minute, "the ledger lets go", func() error { return l.absent(t, "require-owner", o.Name) })
	l.agree(t, "expired", configMap("vendor-1"), verdict{})
	l.awaits(t, o.Name, v1alpha1.PhaseExpired)
	l.wantTrail(t, o.Name, "bob policy.override.grant", identity.Roadbed+" policy.override.expire")
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
	made := configMap("vendor-made")
	o := l.brief(t, "alone", func() {
		kubetest.Eventually(t, patience, "it is made", func() error {
			return client.IgnoreAlreadyExists(l.client.Create(t.Context(), made.DeepCopy()))
		})
		if err := l.stop(); err != nil {
			t.Fatal(err)
		}
	}, func() { l.run(t) })
	l.await(t, o.Spec.ExpiresAt.Time)
	if err := l.absent(t, "require-owner", o.Name); err == nil {
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
	l.awaits(t, o.Name, v1alpha1.PhaseExpired)
	kubetest.Eventually(t, time.Minute, "a deletion is refused as well", func() error {
		if err := l.client.Delete(t.Context(), made.DeepCopy(), client.DryRunAll); err == nil {
			return errors.New("it is not")
		}
		return nil
	})
	kubetest.Eventually(t, patience, "the trail tells of its life, once", func() error {
		told := slices.DeleteFunc(told(l.trail, o.Name), func(record string) bool { return strings.HasSuffix(record, ".use") })
		if want := []string{"bob policy.override.grant", identity.Roadbed + " policy.override.expire"}; !slices.Equal(told, want) {
			return fmt.Errorf("%v, want %v", told, want)
		}
		return nil
	})
}
