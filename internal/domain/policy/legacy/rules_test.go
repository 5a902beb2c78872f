package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestRules runs policies over requests. A case has policy.yaml, perhaps
// world.yaml, and any number of request files; results.txt is what comes of it.
func TestRules(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/rules/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		evaluator, err := compile(golden.File(t, archive, "policy.yaml"))
		w, problem := world(archive)
		if problem != nil {
			t.Fatal(problem)
		}
		var out strings.Builder
		if err != nil {
			fmt.Fprintf(&out, "does not compile:\n%v\n", err)
		}
		for _, file := range archive.Files {
			if err != nil || !strings.HasPrefix(file.Name, "request") {
				continue
			}
			judge(t, &out, evaluator, requestOf(t, file), w, strings.TrimSuffix(file.Name, ".yaml"))
		}
		golden.SetFile(archive, "results.txt", []byte(out.String()))
		return archive
	})
}

func compile(source []byte) (policy.Evaluator, error) {
	var parsed kyvernov1.ClusterPolicy
	if err := yaml.UnmarshalStrict(source, &parsed); err != nil {
		return nil, err
	}
	return legacy.Compile(&parsed, options())
}

func options() legacy.Options {
	return legacy.Options{
		Random: func(int) int { return 0 },
		CEL: func(p *admissionregistrationv1.ValidatingAdmissionPolicy, bound []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error) {
			return engine.CompileVAP(p, bound, engine.Options{})
		},
	}
}

// judge mutates and validates one request, and writes what comes of it.
func judge(t *testing.T, out *strings.Builder, evaluator policy.Evaluator, r *policy.Request, w policy.World, name string) {
	t.Helper()
	before, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.NewSet([]policy.Evaluator{evaluator}, nil)
	decision := set.Decide(context.Background(), r, w)
	fmt.Fprintf(out, "%s:\n", name)
	for _, result := range decision.Results {
		fmt.Fprintf(out, "  %s [%s] %s", result.Rule, result.Tier, result.Status)
		if result.Message != "" {
			fmt.Fprintf(out, ": %s", strings.ReplaceAll(result.Message, "\n", "\n    "))
		}
		out.WriteString("\n")
	}
	if decision.Object != nil {
		text, err := yaml.Marshal(decision.Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "  becomes:\n    %s\n", strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    "))
	}
	if after, err := yaml.Marshal(r); err != nil || string(after) != string(before) {
		t.Errorf("%s was changed from\n%s\nto\n%s", name, before, after)
	}
	if explainer, ok := evaluator.(policy.Explainer); !ok || len(explainer.Explain(context.Background(), r, w)) == 0 {
		t.Error("the policy explains nothing")
	}
}

// asked is a request as cases write it: an object alone, or with what is said
// about it.
type asked struct {
	Operation       admissionv1.Operation     `json:"operation"`
	SubResource     string                    `json:"subResource"`
	User            authenticationv1.UserInfo `json:"user"`
	Object          map[string]any            `json:"object"`
	OldObject       map[string]any            `json:"oldObject"`
	NamespaceLabels map[string]any            `json:"namespaceLabels"`
}

func requestOf(t *testing.T, file txtar.File) *policy.Request {
	t.Helper()
	var from asked
	if err := yaml.UnmarshalStrict(file.Data, &from); err != nil {
		t.Fatalf("%s: %v", file.Name, err)
	}
	if from.Operation == "" {
		from.Operation = admissionv1.Create
	}
	subject := &unstructured.Unstructured{Object: from.Object}
	if from.Object == nil {
		subject.Object = from.OldObject
	}
	kind := subject.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	r := &policy.Request{
		Operation: from.Operation, Kind: kind, Resource: resource, SubResource: from.SubResource, Object: integers(from.Object), OldObject: integers(from.OldObject),
		Namespace: subject.GetNamespace(), Name: subject.GetName(), User: from.User,
	}
	if r.Namespace != "" {
		r.NamespaceObject = map[string]any{"metadata": map[string]any{"name": r.Namespace, "labels": from.NamespaceLabels}}
	}
	return r
}

// integers decodes numbers as the API server does.
func integers(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	u := &unstructured.Unstructured{}
	text, err := (&unstructured.Unstructured{Object: object}).MarshalJSON()
	if err == nil {
		err = u.UnmarshalJSON(text)
	}
	if err != nil {
		return object
	}
	return u.Object
}

// given is what a case's world holds.
type given struct {
	Objects []map[string]any          `json:"objects"`
	Calls   map[string]any            `json:"calls"`
	Shared  map[string]any            `json:"global"`
	Images  map[string]image          `json:"images"`
	Values  map[string]map[string]any `json:"values"`
}

// image is what a registry knows of one.
type image struct {
	Digest string `json:"digest"`
	// Signed lists who signed: the first line of a key's text, or an issuer.
	Signed     []string                    `json:"signed"`
	Statements map[string][]map[string]any `json:"statements"`
	Data       map[string]any              `json:"data"`
}

var (
	_ policy.Lookup = (*given)(nil)
	_ policy.Images = (*given)(nil)
)

func world(archive *txtar.Archive) (policy.World, error) {
	w := policy.World{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, file := range archive.Files {
		if file.Name != "world.yaml" {
			continue
		}
		g := &given{}
		if err := yaml.UnmarshalStrict(file.Data, g); err != nil {
			return w, err
		}
		w.Lookup, w.Images = g, g
		if g.Values != nil {
			w.Values = func(_, rule string) map[string]any { return g.Values[rule] }
		}
	}
	return w, nil
}

func (g *given) Get(_ context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	for _, object := range g.Objects {
		u := &unstructured.Unstructured{Object: object}
		guessed, _ := meta.UnsafeGuessKindToResource(u.GroupVersionKind())
		if guessed == resource && u.GetNamespace() == namespace && u.GetName() == name {
			return runtime.DeepCopyJSON(object), nil
		}
	}
	return nil, apierrors.NewNotFound(resource.GroupResource(), name)
}

func (g *given) List(context.Context, schema.GroupVersionResource, string, map[string]string) ([]map[string]any, error) {
	return nil, errors.New("lists are asked for by path")
}

func (g *given) Call(_ context.Context, method, path string, body any) (any, error) {
	answer, ok := g.Calls[method+" "+path]
	if !ok {
		return nil, fmt.Errorf("%s %s: not found", method, path)
	}
	if answer == "echo" {
		return body, nil
	}
	return answer, nil
}

func (g *given) Global(_ context.Context, name string) (any, error) {
	value, ok := g.Shared[name]
	if !ok {
		return nil, fmt.Errorf("there is no entry %q", name)
	}
	return value, nil
}

func (g *given) Describe(_ context.Context, reference string) (map[string]any, error) {
	found, ok := g.Images[reference]
	if !ok {
		return nil, fmt.Errorf("the registry has no image %s", reference)
	}
	return found.Data, nil
}

func (g *given) Verify(_ context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	found, ok := g.Images[check.Reference]
	switch {
	case strings.HasPrefix(check.Reference, "down.io/"):
		return policy.ImageProof{}, errors.New("the registry gave no answer")
	case !ok:
		return policy.ImageProof{}, fmt.Errorf("the registry has no image %s", check.Reference)
	}
	for _, signer := range found.Signed {
		if signs(signer, check.Attestor) {
			return policy.ImageProof{Digest: found.Digest, Signer: signer, Statements: found.Statements[check.PredicateType]}, nil
		}
	}
	return policy.ImageProof{}, fmt.Errorf("wrong signature: %w", policy.ErrUnproved)
}

func signs(signer string, attestor policy.Attestor) bool {
	if attestor.Keyless != nil {
		return attestor.Keyless.Identities[0].Issuer == signer
	}
	return strings.Contains(strings.Join(attestor.Notary, ""), signer) || strings.Contains(attestor.Key, signer) || strings.Contains(attestor.Certificate, signer)
}
