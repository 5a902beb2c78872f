package catalogue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestOnTheServer shows every example to the real API server, with the one
// policy it is about.
func TestOnTheServer(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	installKinds(t, env)
	for _, file := range files(t) {
		e := read(t, file)
		t.Run(e.namespace.GetName(), func(t *testing.T) {
			t.Parallel()
			objects, reason, err := compile(e.entry)
			if err != nil {
				t.Fatal(err)
			}
			if reason != "" {
				t.Skipf("not native: %s", reason)
			}
			s := newServer(t, env)
			s.create(t, e.namespace)
			for _, object := range e.world {
				s.create(t, object)
			}
			for _, object := range alone(objects, e.namespace.GetName(), e.namespace.GetName()) {
				s.create(t, object)
			}
			s.awaitInForce(t, e)
			for _, c := range e.cases {
				t.Run(c.name, func(t *testing.T) { s.judge(t, c) })
			}
		})
	}
}

// alone gives native objects another name, and has them look at one namespace
// only, so that tests do not judge each other.
func alone(objects native.Objects, namespace, name string) []client.Object {
	here := metav1.LabelSelectorRequirement{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{namespace}}
	renamed := make([]client.Object, 0, len(objects))
	for _, object := range objects {
		object.SetName(name)
		switch o := object.(type) {
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			o.Spec.PolicyName = name
			o.Spec.MatchResources.NamespaceSelector.MatchExpressions = append(o.Spec.MatchResources.NamespaceSelector.MatchExpressions, here)
		case *admissionv1.MutatingAdmissionPolicyBinding:
			o.Spec.PolicyName = name
			o.Spec.MatchResources.NamespaceSelector.MatchExpressions = append(o.Spec.MatchResources.NamespaceSelector.MatchExpressions, here)
		}
		renamed = append(renamed, object)
	}
	return renamed
}

// server is a client that hears warnings.
type server struct {
	client.Client
	warnings *warnings
}

// warnings are what the API server said beside its answer.
type warnings struct {
	mu   sync.Mutex
	said []string // guarded by mu
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// take returns what a policy warned of since the last time.
func (w *warnings) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ofPolicies []string
	for _, text := range w.said {
		if strings.Contains(text, "AdmissionPolicy") {
			ofPolicies = append(ofPolicies, text)
		}
	}
	w.said = nil
	return strings.Join(ofPolicies, "\n")
}

func newServer(t *testing.T, env *kubetest.Env) *server {
	t.Helper()
	heard := &warnings{}
	config := rest.CopyConfig(env.Admin)
	config.QPS, config.WarningHandlerWithContext = -1, heard
	c, err := client.New(config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &server{Client: c, warnings: heard}
}

func (s *server) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := s.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create %s: %v", object.GetName(), err)
	}
}

// try shows an object to the API server and returns what policies say of it.
func (s *server) try(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	err := s.Create(ctx, object, client.DryRunAll)
	warned := s.warnings.take()
	switch {
	case err == nil:
		return warned, nil
	case apierrors.IsInvalid(err) || apierrors.IsForbidden(err):
		return err.Error(), nil
	}
	return "", err
}

// awaitInForce returns when the API server has taken the policy over.
func (s *server) awaitInForce(t *testing.T, e examples) {
	t.Helper()
	for _, c := range e.cases {
		if c.refused == "" && c.resources == nil {
			continue
		}
		kubetest.Eventually(t, time.Minute, "the policy is in force", func() error {
			if c.resources != nil {
				return s.changes(t.Context(), c)
			}
			said, err := s.try(t.Context(), c.object.DeepCopy())
			if err == nil && said == "" {
				err = errors.New("nothing is refused")
			}
			return err
		})
		return
	}
	t.Fatal("no example shows whether the policy is in force")
}

func (s *server) judge(t *testing.T, c example) {
	if c.resources != nil {
		if err := s.changes(t.Context(), c); err != nil {
			t.Error(err)
		}
		return
	}
	// What the API server knows of namespaces and kinds lags behind a little.
	kubetest.Eventually(t, time.Minute, c.name, func() error {
		said, err := s.try(t.Context(), c.object.DeepCopy())
		if err != nil {
			return err
		}
		return c.check(said)
	})
}

// changes compares the containers' resources with what the example wants.
func (s *server) changes(ctx context.Context, c example) error {
	object := c.object.DeepCopy()
	if err := s.Create(ctx, object, client.DryRunAll); err != nil {
		return err
	}
	if difference := cmp.Diff(c.resources, resourcesOf(object.Object)); difference != "" {
		return fmt.Errorf("the containers' resources differ (-want +got):\n%s", difference)
	}
	return nil
}

func resourcesOf(pod map[string]any) map[string]any {
	found := map[string]any{}
	for _, field := range []string{"initContainers", "containers"} {
		containers, _, _ := unstructured.NestedSlice(pod, "spec", field)
		for _, each := range containers {
			container, ok := each.(map[string]any)
			if !ok {
				continue
			}
			resources, _, _ := unstructured.NestedMap(container, "resources")
			if resources == nil {
				resources = map[string]any{}
			}
			found[container["name"].(string)] = resources
		}
	}
	return found
}

// installKinds installs a definition for each kind of the examples that the API
// server does not have.
func installKinds(t *testing.T, env *kubetest.Env) {
	t.Helper()
	made := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files(t) {
		for _, c := range read(t, file).cases {
			if strings.Count(c.object.GroupVersionKind().Group, ".") < 1 || strings.HasSuffix(c.object.GroupVersionKind().Group, "k8s.io") {
				continue
			}
			definition := definitionOf(c.object)
			made[definition.Name] = definition
		}
	}
	for _, definition := range made {
		if err := env.Client.Create(t.Context(), definition); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	kubetest.Eventually(t, time.Minute, "the kinds are served", func() error {
		for name := range maps.Keys(made) {
			var live apiextensionsv1.CustomResourceDefinition
			if err := env.Client.Get(t.Context(), client.ObjectKey{Name: name}, &live); err != nil {
				return err
			}
			if !established(&live) {
				return fmt.Errorf("%s is not", name)
			}
		}
		return nil
	})
}

func established(definition *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range definition.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}
	return false
}

func definitionOf(object *unstructured.Unstructured) *apiextensionsv1.CustomResourceDefinition {
	gvk := object.GroupVersionKind()
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	scope := apiextensionsv1.ClusterScoped
	if object.GetNamespace() != "" {
		scope = apiextensionsv1.NamespaceScoped
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural.Resource + "." + gvk.Group, Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: gvk.Group, Scope: scope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: gvk.Kind, Plural: plural.Resource, Singular: strings.ToLower(gvk.Kind), ListKind: gvk.Kind + "List"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: gvk.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}
