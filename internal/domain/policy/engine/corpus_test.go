package engine_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/corpus"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/enginetest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
)

// shared is a policy of the corpus that the API server can evaluate by itself: as
// its case writes it, or as migrate writes a legacy rule.
type shared struct {
	name     string
	policy   *policiesv1.ValidatingPolicy
	of       corpus.Case
	variants enginetest.Variants
}

// sharedPolicies are those of all cases.
func sharedPolicies(t *testing.T) []shared {
	t.Helper()
	var found []shared
	for c, p := range policiesOf[*policiesv1.ValidatingPolicy](t) {
		if _, reason, err := native.Validating(p, native.Options{}); err != nil || reason != "" {
			continue
		}
		name := fmt.Sprintf("%s/%d-%s", c.Name, len(found), p.Name)
		found = append(found, shared{name, p, c, enginetest.VariantsOf(c.Resources)})
	}
	return found
}

// policiesOf are the policies of a kind among those of all cases that have objects,
// and what becomes of legacy ones, each with its case.
func policiesOf[P any](t *testing.T) iter.Seq2[corpus.Case, P] {
	t.Helper()
	all, err := corpus.All(".")
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(corpus.Case, P) bool) {
		for _, c := range all {
			if len(c.Problems) > 0 || len(c.Resources) == 0 {
				continue
			}
			documents, _ := load.Parse(c.Name, c.Policy)
			for _, p := range among[P](documents) {
				if !yield(c, p) {
					return
				}
			}
		}
	}
}

// among are the policies of a kind among documents.
func among[P any](documents []load.Document) []P {
	var found []P
	for _, document := range documents {
		if p, ok := document.Object.(P); ok {
			found = append(found, p)
		}
		if legacy, ok := document.Object.(*kyvernov1.ClusterPolicy); ok {
			for _, rewritten := range migrate.Rewrite(legacy) {
				if p, ok := rewritten.Policy.(P); ok {
					found = append(found, p)
				}
			}
		}
	}
	return found
}

// TestLanesAgreeOnTheCorpus compares the engine with the native objects, for
// objects that resemble those of each case, created, changed and deleted.
func TestLanesAgreeOnTheCorpus(t *testing.T) {
	t.Parallel()
	policies := sharedPolicies(t)
	if len(policies) < 50 {
		t.Errorf("only %d policies of the corpus are native", len(policies))
	}
	for _, one := range policies {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			byEngine, err := engine.CompileValidating(one.policy, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			byServer, spoken := nativeOf(t, one.policy), 0
			for seed := range generated() {
				request := one.request(seed).Remembering()
				world := one.of.Stage.World()
				got, want := saidIn(t, world, request, byEngine), saidIn(t, world, request, byServer...)
				if !slices.Equal(got, want) {
					t.Fatalf("the engine says %q\nthe native lane %q\nof %s %v, before %v", got, want, request.Operation, request.Object, request.OldObject)
				}
				spoken += len(got)
			}
			if spoken == 0 && strings.Contains(one.of.Name, "cel/") && concerns(one.of) {
				t.Error("the policy has nothing to say of any object")
			}
		})
	}
}

// concerns tells whether the case expects a result at all.
func concerns(c corpus.Case) bool { return len(c.Expected) > 0 && c.Sending.SubResource == "" }

// request is that of a seed: each kind of request that there is.
func (s shared) request(seed int) *policy.Request {
	request := *s.of.Requests()[seed%len(s.of.Resources)]
	object := unstructured.Unstructured{Object: s.variants.Example(seed)}
	request.Kind = object.GroupVersionKind()
	request.Resource, _ = meta.UnsafeGuessKindToResource(request.Kind)
	request.Name, request.Namespace = object.GetName(), object.GetNamespace()
	request.Object, request.OldObject = object.Object, nil
	switch {
	case seed < len(s.of.Resources):
		request.Operation, request.OldObject = s.of.Requests()[seed].Operation, s.of.Requests()[seed].OldObject
		request.Object = s.of.Requests()[seed].Object
	case seed%4 == 0:
		request.Operation, request.OldObject = admissionv1.Update, s.variants.Example(seed+len(s.of.Resources))
	case seed%4 == 1:
		request.Operation, request.Object, request.OldObject = admissionv1.Delete, nil, request.Object
	default:
		request.Operation = admissionv1.Create
	}
	return &request
}
