package lint

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// ofDocument finds what the text of a document tells.
func ofDocument(d load.Document) []Finding {
	object, ok := d.Object.(client.Object)
	if !ok {
		return nil
	}
	c := &checker{document: d, kind: object.GetObjectKind().GroupVersionKind().Kind, name: object.GetName()}
	switch p := d.Object.(type) {
	case *kyvernov1.ClusterPolicy:
		c.legacy(p.ObjectMeta.Labels, p.ObjectMeta.Annotations, p.Spec)
	case *kyvernov1.Policy:
		c.legacy(p.ObjectMeta.Labels, p.ObjectMeta.Annotations, p.Spec)
	case *policiesv1.ValidatingPolicy:
		c.validating(p.Labels, p.Annotations, p.Spec)
	case *policiesv1.NamespacedValidatingPolicy:
		c.validating(p.Labels, p.Annotations, p.Spec)
	case *policiesv1.MutatingPolicy:
		c.mutating(p.Labels, p.Annotations, p.Spec)
	case *policiesv1.NamespacedMutatingPolicy:
		c.mutating(p.Labels, p.Annotations, p.Spec)
	case *policiesv1.ImageValidatingPolicy:
		c.imageValidating(p.Labels, p.Annotations, p.Spec)
	case *policiesv1.NamespacedImageValidatingPolicy:
		c.imageValidating(p.Labels, p.Annotations, p.Spec)
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		c.constants(sourceOf(p.Spec.MatchConstraints, p.Spec.Variables, p.Spec.MatchConditions, p.Spec.Validations, p.Spec.FailurePolicy))
		c.repeated(p.Spec.Validations)
		c.matched(p.Spec.MatchConstraints, texts(p.Spec.Variables, p.Spec.Validations))
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		c.constants(sourceOf(p.Spec.MatchConstraints, p.Spec.Variables, p.Spec.MatchConditions, nil, p.Spec.FailurePolicy))
		c.resources(p.Spec.MatchConstraints)
		c.applied(p.Spec.MatchConstraints, p.Spec.Mutations, p.Spec.Variables, p.Spec.FailurePolicy)
	}
	return c.findings
}

// mutating checks a policy that changes objects.
func (c *checker) mutating(labels, annotations map[string]string, spec policiesv1.MutatingPolicySpec) {
	c.tier(labels, annotations)
	c.constants(sourceOf(spec.MatchConstraints, spec.Variables, spec.MatchConditions, nil, spec.FailurePolicy))
	c.resources(spec.MatchConstraints)
	if spec.Evaluation == nil || !spec.Evaluation.UseServerSideApply {
		c.applied(spec.MatchConstraints, spec.Mutations, spec.Variables, spec.FailurePolicy)
	}
}

// imageValidating checks a policy about images.
func (c *checker) imageValidating(labels, annotations map[string]string, spec policiesv1.ImageValidatingPolicySpec) {
	c.tier(labels, annotations)
	c.constants(sourceOf(spec.MatchConstraints, spec.Variables, spec.MatchConditions, spec.Validations, spec.FailurePolicy))
	c.resources(spec.MatchConstraints)
}

// checker collects the findings of one document.
type checker struct {
	document   load.Document
	kind, name string
	findings   []Finding
}

func (c *checker) find(level Level, code Code, rule, field, format string, args ...any) {
	c.findings = append(c.findings, Finding{
		File: c.document.File, Line: c.document.LineOf(field), Kind: c.kind, Policy: c.name, Rule: rule, Field: field,
		Code: code, Level: level, Message: fmt.Sprintf(format, args...),
	})
}

// tier notes that nothing but the action tells the tier.
func (c *checker) tier(labels, annotations map[string]string) {
	if _, ok := labels[policy.TierLabel]; ok {
		return
	}
	// Without a label, what TierOf makes of opposite actions tells whether the
	// category decides.
	strict, _ := policy.TierOf(labels, annotations, policy.Enforce)
	lenient, _ := policy.TierOf(labels, annotations, policy.Audit)
	if strict != lenient {
		c.find(Note, Untiered, "", "metadata.annotations", "the tier follows from the action alone; say it with the label %s, or with a category \"Tier N: ...\"", policy.TierLabel)
	}
}
