package operator

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/inforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// kinds are the kinds of policies that are followed.
func kinds() []inforce.Kind {
	return []inforce.Kind{
		{Name: "ValidatingPolicy", New: func() client.Object { return &policiesv1.ValidatingPolicy{} }, Compile: compile},
		{Name: "NamespacedValidatingPolicy", New: func() client.Object { return &policiesv1.NamespacedValidatingPolicy{} }, Compile: compile},
		{Name: "MutatingPolicy", New: func() client.Object { return &policiesv1.MutatingPolicy{} }, Compile: compile},
		{Name: "NamespacedMutatingPolicy", New: func() client.Object { return &policiesv1.NamespacedMutatingPolicy{} }, Compile: compile},
		{Name: "ImageValidatingPolicy", New: func() client.Object { return &policiesv1.ImageValidatingPolicy{} }, Compile: compile},
		{Name: "NamespacedImageValidatingPolicy", New: func() client.Object { return &policiesv1.NamespacedImageValidatingPolicy{} }, Compile: compile},
		{Name: "ClusterPolicy", New: func() client.Object { return &kyvernov1.ClusterPolicy{} }, Compile: compile},
		{Name: "Policy", New: func() client.Object { return &kyvernov1.Policy{} }, Compile: compile},
	}
}

// compile compiles a policy as everybody in this program does.
func compile(object client.Object) (policy.Evaluator, error) {
	compilers := load.Standard(load.Options{})
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		return compilers.Validating(p)
	case *policiesv1.NamespacedValidatingPolicy:
		return compilers.Validating(&policiesv1.ValidatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	case *policiesv1.MutatingPolicy:
		return compilers.Mutating(p)
	case *policiesv1.NamespacedMutatingPolicy:
		return compilers.Mutating(&policiesv1.MutatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	case *policiesv1.ImageValidatingPolicy:
		return compilers.ImageValidating(p)
	case *policiesv1.NamespacedImageValidatingPolicy:
		return compilers.ImageValidating(&policiesv1.ImageValidatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	case *kyvernov1.ClusterPolicy:
		return compilers.Legacy(p)
	case *kyvernov1.Policy:
		return compilers.Legacy(&kyvernov1.ClusterPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	}
	return nil, fmt.Errorf("no policies of type %T are evaluated here", object)
}
