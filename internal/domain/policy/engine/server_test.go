package engine_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/enginetest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lookup"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// sampled is how many objects the API server is shown for each policy. With
// ROADBED_SLOW it is as many as for the policies of TestEngineIsTheAPIServer.
func sampled() int {
	if os.Getenv("ROADBED_SLOW") != "" {
		return samples
	}
	return 3
}

// examined is a policy that the API server is shown objects for.
type examined struct {
	name, home string
	// natives are what the server has of it, and evaluator is what the engine has.
	natives   []client.Object
	evaluator policy.Evaluator
	example   func(seed int) map[string]any
}

// examinedPolicies are the native ones of the corpus and of the catalogue. Which
// namespaces they select is left out: each is tried in one of its own.
func examinedPolicies(t *testing.T) []examined {
	t.Helper()
	var found []examined
	for _, one := range sharedPolicies(t) {
		if creatable(one.of.Resources) {
			found = append(found, examinedValidation(t, len(found), one.name, one.policy, examplesLike(one.of.Resources)))
		}
	}
	for _, entry := range catalogue.All() {
		if p, ok := entry.Object.(*policiesv1.ValidatingPolicy); ok && engine.Needs(p) == "" {
			found = append(found,
				examinedValidation(t, len(found), p.Name+"-pods", p, func(seed int) map[string]any { return enginetest.Pods("x").Example(seed + 1) }),
				examinedValidation(t, len(found)+1, p.Name+"-deployments", p, func(seed int) map[string]any { return enginetest.Deployments("x").Example(seed + 1) }))
		}
	}
	found = some(found)
	for _, one := range mutations(t, "change-") {
		evaluator, err := engine.CompileMutating(one.policy, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, examined{one.name, one.home, one.natives(t), evaluator, one.example})
	}
	return found
}

// some are every second of the policies, and all of them with ROADBED_SLOW.
func some(all []examined) []examined {
	if os.Getenv("ROADBED_SLOW") != "" {
		return all
	}
	var found []examined
	for i := 0; i < len(all); i += 2 {
		found = append(found, all[i])
	}
	return found
}

// examinedValidation is a policy that judges, and refuses.
func examinedValidation(t *testing.T, number int, name string, source *policiesv1.ValidatingPolicy, example func(int) map[string]any) examined {
	t.Helper()
	p, home := source.DeepCopy(), "corpus-"+strconv.Itoa(number)
	p.Name, p.Labels = home, map[string]string{policy.TierLabel: string(policy.Mandatory)}
	p.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	if matching := p.Spec.MatchConstraints; matching != nil {
		matching.NamespaceSelector = nil
	}
	natives, reason, err := native.Validating(p, native.Options{})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	evaluator, err := engine.CompileValidating(p, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range natives {
		enginetest.Reach(home, object)
	}
	return examined{name, home, natives, evaluator, example}
}

// sampleGroup is the group of kinds that the corpus makes up.
const sampleGroup = "example.roadbed.dev"

// creatable tells whether all objects of a case are of kinds that the server
// has, that are in namespaces, and that it makes no names up for.
func creatable(objects []map[string]any) bool {
	return !slices.ContainsFunc(objects, func(object map[string]any) bool {
		made := unstructured.Unstructured{Object: object}
		kind := made.GroupVersionKind()
		known := kind.Group == sampleGroup || scheme.Scheme.Recognizes(kind)
		return !known || made.GetNamespace() == "" || kind.Kind == "Job" || kind.Kind == "Namespace"
	})
}

// quietly is an object for which the server makes up neither the volume of a
// token nor an address.
func quietly(object map[string]any) map[string]any {
	spec, _ := object["spec"].(map[string]any)
	switch {
	case spec == nil:
	case object["kind"] == "Pod":
		spec["automountServiceAccountToken"] = false
	case object["kind"] == "Service" && spec["type"] != "ExternalName":
		spec["clusterIP"] = "None"
	}
	return object
}

// TestServerAgreesOnTheCorpus shows objects to a real API server that has what a
// policy becomes natively, and to the engine that has the policy.
func TestServerAgreesOnTheCorpus(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	policies := examinedPolicies(t)
	if len(policies) < 50 {
		t.Errorf("only %d policies are examined", len(policies))
	}
	installSamples(t, env)
	speaking, err := rest.HTTPClientFor(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := lookup.New(env.Admin, speaking)
	if err != nil {
		t.Fatal(err)
	}
	server := enginetest.Server{
		Client: quiet(t, env), World: policy.World{Lookup: reader, Now: time.Now()},
		User: authenticationv1.UserInfo{Username: standalone.AdminUser, Groups: []string{standalone.AdminGroup, "system:authenticated"}},
	}
	plain := newNamespace(t, env.Client, "corpus-plain-")
	for _, one := range policies {
		one.install(t, env.Client)
	}
	awaitLast(t, env.Client, server)
	for _, one := range policies {
		t.Run(one.name, func(t *testing.T) { one.compare(t, server, plain) })
	}
}

// compare shows as many objects as are wanted, leaving out those that the server
// takes for wrong whatever policies say.
func (one examined) compare(t *testing.T, server enginetest.Server, plain string) {
	t.Helper()
	shown := 0
	for seed := 0; shown < sampled() && seed < 10*sampled(); seed++ {
		object := quietly(one.example(seed))
		made := unstructured.Unstructured{Object: object}
		resource, _ := meta.UnsafeGuessKindToResource(made.GroupVersionKind())
		outcome, err := server.Compare(t.Context(), one.evaluator, enginetest.Homes{Plain: plain, Bound: one.home}, resource.Resource, object)
		if errors.Is(err, enginetest.ErrOther) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		shown++
		if outcome.Difference != "" {
			t.Fatalf("%s\nobject %v", outcome.Difference, object)
		}
	}
	if shown < sampled() {
		t.Errorf("only %d objects could be shown", shown)
	}
}

// install makes the namespace of the policy, and the native objects for it alone.
func (one examined) install(t *testing.T, c client.Client) {
	t.Helper()
	create(t, c, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: one.home}})
	create(t, c, one.natives...)
}

// awaitLast makes a policy of each kind that refuses in a namespace, and returns when
// both do: the API server takes those of a kind over in the order in which they were
// made.
func awaitLast(t *testing.T, c client.Client, server enginetest.Server) {
	t.Helper()
	for _, last := range []trial{
		{name: "validates", spec: "\n  validations: [{expression: \"true\"}]\n"},
		{name: "mutates", mutations: "\n  - {patchType: JSONPatch, jsonPatch: {expression: 'true ? [] : [JSONPatch{op: \"remove\", path: \"/nothing\"}]'}}\n"},
	} {
		last.resource, last.objects = "configmaps", enginetest.ConfigMaps
		home := newNamespace(t, c, "corpus-last-")
		last.install(t, c, home)
		last.wait(t, server, home)
	}
}

// installSamples makes the kinds that the corpus makes up.
func installSamples(t *testing.T, env *kubetest.Env) {
	t.Helper()
	kinds := map[schema.GroupVersionKind]bool{}
	for _, one := range sharedPolicies(t) {
		for _, object := range one.of.Resources {
			made := unstructured.Unstructured{Object: object}
			if made.GroupVersionKind().Group == sampleGroup {
				kinds[made.GroupVersionKind()] = true
			}
		}
	}
	for kind := range kinds {
		create(t, env.Client, definitionOf(kind))
		kubetest.Eventually(t, time.Minute, "the kind is served", func() error {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(kind)
			return quiet(t, env).List(t.Context(), list)
		})
	}
}

func definitionOf(kind schema.GroupVersionKind) *apiextensionsv1.CustomResourceDefinition {
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural.Resource + "." + kind.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: kind.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind.Kind, Plural: plural.Resource, ListKind: kind.Kind + "List"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: kind.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}},
			}},
		},
	}
}
