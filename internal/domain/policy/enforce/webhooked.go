package enforce

import (
	"fmt"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// The kinds whose policies are never native: those about images, and legacy ones.

func imageKind() kind[*policiesv1.ImageValidatingPolicy] {
	return kind[*policiesv1.ImageValidatingPolicy]{
		name: "ImageValidatingPolicy", plural: "imagevalidatingpolicies",
		summary:   "Kyverno's: refuses images that nobody who counts has signed.",
		newObject: func() *policiesv1.ImageValidatingPolicy { return &policiesv1.ImageValidatingPolicy{} },
		compile:   compileImages,
		native:    judged(compileImages),
		generated: func(*policiesv1.ImageValidatingPolicy, bool) {},
	}
}

func namespacedImageKind() kind[*policiesv1.NamespacedImageValidatingPolicy] {
	compile := func(p *policiesv1.NamespacedImageValidatingPolicy) (policy.Evaluator, error) {
		return compileImages(&policiesv1.ImageValidatingPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	}
	return kind[*policiesv1.NamespacedImageValidatingPolicy]{
		name: "NamespacedImageValidatingPolicy", plural: "namespacedimagevalidatingpolicies",
		summary: "Kyverno's: an ImageValidatingPolicy for the objects of its namespace.",
		newObject: func() *policiesv1.NamespacedImageValidatingPolicy {
			return &policiesv1.NamespacedImageValidatingPolicy{}
		},
		compile:   compile,
		native:    judged(compile),
		generated: func(*policiesv1.NamespacedImageValidatingPolicy, bool) {},
	}
}

func clusterPolicyKind() kind[*kyvernov1.ClusterPolicy] {
	return kind[*kyvernov1.ClusterPolicy]{
		name: "ClusterPolicy", plural: "clusterpolicies", group: kyvernov1.GroupVersion, legacy: true,
		summary:     "Kyverno's, of old: rules that validate, mutate and verify images.",
		newObject:   func() *kyvernov1.ClusterPolicy { return &kyvernov1.ClusterPolicy{} },
		compile:     compileLegacy,
		native:      judged(compileLegacy),
		generated:   func(*kyvernov1.ClusterPolicy, bool) {},
		unsupported: unsupportedRules,
	}
}

func policyKind() kind[*kyvernov1.Policy] {
	compile := func(p *kyvernov1.Policy) (policy.Evaluator, error) {
		return compileLegacy(&kyvernov1.ClusterPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
	}
	return kind[*kyvernov1.Policy]{
		name: "Policy", plural: "policies", group: kyvernov1.GroupVersion, legacy: true,
		summary:   "Kyverno's, of old: a ClusterPolicy for the objects of its namespace.",
		newObject: func() *kyvernov1.Policy { return &kyvernov1.Policy{} },
		compile:   compile,
		native:    judged(compile),
		generated: func(*kyvernov1.Policy, bool) {},
		unsupported: func(p *kyvernov1.Policy) []string {
			return unsupportedRules(&kyvernov1.ClusterPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec})
		},
	}
}

func compileImages(p *policiesv1.ImageValidatingPolicy) (policy.Evaluator, error) {
	return engine.CompileImageValidating(p, engine.Options{})
}

func compileLegacy(p *kyvernov1.ClusterPolicy) (policy.Evaluator, error) {
	return load.Standard(load.Options{}).Legacy(p)
}

// unsupportedRules names the rules that are not applied, with the reason.
func unsupportedRules(p *kyvernov1.ClusterPolicy) []string {
	var found []string
	for i := range p.Spec.Rules {
		if p.Spec.Rules[i].Generate != nil {
			found = append(found, fmt.Sprintf("rule %q generates objects, which Roadbed does not", p.Spec.Rules[i].Name))
		}
	}
	for _, fault := range legacy.Unsupported(p) {
		found = append(found, fmt.Sprintf("rule %q, %s: %s", fault.Rule, fault.Field, fault.Message))
	}
	return found
}

// judged says of a kind that is never native why a policy is not.
func judged[T steps.Object](compile func(T) (policy.Evaluator, error)) func(T, native.Options) (native.Objects, native.Reason, error) {
	return func(p T, _ native.Options) (native.Objects, native.Reason, error) {
		evaluator, err := compile(p)
		if err != nil {
			return nil, "", err
		}
		if !evaluator.Info().Admission {
			return nil, native.OffAtAdmission, nil
		}
		return nil, native.Reason(evaluator.Info().LaneReason), nil
	}
}
