package engine_test

import (
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/enginetest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
)

// generated is how many objects both lanes judge for each policy; the race
// detector learns nothing more from more of them.
func generated() int {
	if underRace {
		return 500
	}
	return 10_000
}

// TestLanesAgree compares what the engine says of a policy with what the native
// objects say that are compiled from it.
func TestLanesAgree(t *testing.T) {
	t.Parallel()
	requests := slices.Concat(
		samplesOf(enginetest.Pods("shop").Example, "pods", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, generated()*6/10),
		samplesOf(enginetest.Deployments("shop").Example, "deployments", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, generated()*4/10),
	)
	for _, entry := range catalogue.All() {
		p, ok := entry.Object.(*policiesv1.ValidatingPolicy)
		if !ok || engine.Needs(p) != "" {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			byEngine, err := engine.CompileValidating(p, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			byServer := nativeOf(t, p)
			for _, request := range requests {
				request := request.Remembering()
				got, want := said(t, request, byEngine), said(t, request, byServer...)
				if !slices.Equal(got, want) {
					t.Fatalf("the engine says %q\nthe native lane %q\nof %v", got, want, request.Object)
				}
			}
		})
	}
}

func samplesOf(example func(...int) map[string]any, resource string, kind schema.GroupVersionKind, count int) []*policy.Request {
	namespace := map[string]any{"metadata": map[string]any{"name": "shop", "labels": map[string]any{
		"kubernetes.io/metadata.name": "shop", "tenancy.roadbed.dev/tenant": "shop", "tenancy.roadbed.dev/tier": "gold",
	}}}
	requests := make([]*policy.Request, count)
	for seed := range requests {
		requests[seed] = &policy.Request{
			Operation: admissionv1.Create, Kind: kind, Resource: kind.GroupVersion().WithResource(resource),
			Namespace: "shop", Name: fmt.Sprint("o", seed), Object: example(seed), NamespaceObject: namespace,
		}
	}
	return requests
}

// nativeOf are the native policies that are made of one of Kyverno's.
func nativeOf(t *testing.T, p *policiesv1.ValidatingPolicy) []policy.Evaluator {
	t.Helper()
	objects, reason, err := native.Validating(p, native.Options{})
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	var vaps []*admissionregistrationv1.ValidatingAdmissionPolicy
	var bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
	for _, object := range objects {
		switch o := object.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicy:
			vaps = append(vaps, o)
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			bindings = append(bindings, o)
		}
	}
	var evaluators []policy.Evaluator
	for _, vap := range vaps {
		compiled, err := engine.CompileVAP(vap, bindings, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		evaluators = append(evaluators, compiled)
	}
	return evaluators
}

// said is everything but names, tiers and lanes.
func said(t *testing.T, request *policy.Request, evaluators ...policy.Evaluator) []string {
	t.Helper()
	return saidIn(t, policy.World{}, request, evaluators...)
}

func saidIn(t *testing.T, world policy.World, request *policy.Request, evaluators ...policy.Evaluator) []string {
	t.Helper()
	var all []string
	for _, evaluator := range evaluators {
		for _, result := range evaluator.Validate(t.Context(), request, world) {
			all = append(all, fmt.Sprintf("%s %s, refuses: %v", result.Status, result.Message, result.Refuses()))
		}
	}
	return all
}
