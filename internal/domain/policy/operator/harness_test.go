package operator_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// platform is the domain at work on a real API server, acting with Roadbed's
// own rights and no others.
type platform struct {
	env      *kubetest.Env
	client   client.Client
	warnings *warnings
	trail    *controllertest.Trail
	stop     func() error
}

// start installs kinds and rights into a plane of the test's own, has it changed
// and starts the domain.
func start(t *testing.T, before ...func(*kubetest.Env)) *platform {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	env.InstallKyvernoCRDs(t)
	for _, change := range before {
		change(env)
	}
	p := &platform{env: env, warnings: &warnings{}, trail: &controllertest.Trail{}}
	connection := rest.CopyConfig(env.Admin)
	connection.QPS, connection.WarningHandlerWithContext = -1, p.warnings
	var err error
	if p.client, err = client.New(connection, client.Options{Scheme: env.Scheme}); err != nil {
		t.Fatal(err)
	}
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}})
	for _, object := range rbac.Objects() {
		p.create(t, object)
	}
	for _, object := range overrideRights(t) {
		p.create(t, object)
	}
	p.run(t)
	t.Cleanup(func() { p.halt(t) })
	return p
}

// overrideRights are the rights that another domain's role gives: those on
// overrides, on what policies are told of, and to send Events.
func overrideRights(t *testing.T) []client.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := rbacScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects, err := apply.Decode(scheme, strings.TrimSpace(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "test:overrides"}
rules:
- {apiGroups: [policy.roadbed.dev], resources: ["*"], verbs: [get, list, watch, create, update, patch]}
- {apiGroups: [tenancy.roadbed.dev], resources: [tiers], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [namespaces], verbs: [get, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "test:overrides"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "test:overrides"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:roadbed-system:roadbed"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// run starts the domain.
func (p *platform) run(t *testing.T) {
	t.Helper()
	host := controllertest.Host(t, p.env, p.env.As(t, identity.Roadbed, identity.RoadbedGroups()...), p.trail, func(o *manager.Options) { o.Cache.ByObject = operator.Cached() })
	if err := operator.New(operator.Deps{}).Setup(host); err != nil {
		t.Fatal(err)
	}
	p.stop = controllertest.Run(t, host)
}

// halt stops the domain and waits until it has stopped.
func (p *platform) halt(t *testing.T) {
	t.Helper()
	if err := p.stop(); err != nil {
		t.Errorf("the domain ended with: %v", err)
	}
}

// warnings are what the API server said beside its answers.
type warnings struct {
	mu   sync.Mutex
	said []string // guarded by mu
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

func (w *warnings) with(part string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.said {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func (p *platform) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := p.client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create %s: %v", object.GetName(), err)
	}
}

// namespace makes a namespace that policies of one test choose by its label.
func (p *platform) namespace(t *testing.T, name string) {
	t.Helper()
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"test": name}}})
}

// decode reads a policy from YAML and creates it.
func decode[T client.Object](t *testing.T, p *platform, into T, source string) T {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(source), into); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Create(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	return into
}

// config is a ConfigMap of a namespace.
func configMap(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: maps.Clone(data)}
}

// refused waits until an object is refused with the words.
func (p *platform) refused(t *testing.T, object client.Object, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, "it is refused with "+words, func() error {
		err := p.client.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), words) {
			return fmt.Errorf("got: %w", err)
		}
		return nil
	})
}

// passes waits until an object is accepted.
func (p *platform) passes(t *testing.T, object client.Object) {
	t.Helper()
	kubetest.Eventually(t, patience, "it passes", func() error {
		return p.client.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
	})
}

// conditioned waits until a policy's condition has the reason and the words.
func (p *platform) conditioned(t *testing.T, object steps.Object, conditionType, reason, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("%s is %s", conditionType, reason), func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		c := condition.Get(object.GetConditions(), conditionType)
		if c == nil || c.Reason != reason || !strings.Contains(c.Message, words) || c.ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("conditions are %+v", object.GetConditions())
		}
		return nil
	})
}
