package engine

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// validatingPolicy is a compiled ValidatingPolicy.
type validatingPolicy struct {
	shared
	variants []variant
}

var _ policy.Evaluator = (*validatingPolicy)(nil)

// variant is a policy as it was written, or as it was rewritten for workload
// kinds.
type variant struct {
	prefix      string
	constraints *request.Constraints
	body        func() *body
}

// CompileValidating compiles a ValidatingPolicy with what Kyverno writes for
// workload kinds. A NamespacedValidatingPolicy is given as its cluster twin with
// its namespace in metadata. The error is a FaultsError.
func CompileValidating(p *policiesv1.ValidatingPolicy, options Options) (policy.Evaluator, error) {
	made := &validatingPolicy{shared: newShared(p.Labels, p.Namespace, p.Spec.Evaluation, options)}
	made.failure = p.Spec.FailurePolicy
	faults := made.describe(kindOf("ValidatingPolicy", p.Namespace), p.Name, p.Annotations, actionOf(p.Spec.ValidationActions))
	if needs := Needs(p); needs != "" {
		made.info.Lane, made.info.LaneReason, made.info.Remote = policy.Engine, needs, policy.AsksOutside(p.Spec)
	}
	faults = append(faults, made.add(p.Name, &p.Spec, "")...)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, rewritten := range autogen.Validating(p) {
		faults = append(faults, made.add(p.Name, &rewritten.Spec, rewritten.Prefix)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return made, nil
}

// sourceOf is what a spec says.
func sourceOf(name string, spec *policiesv1.ValidatingPolicySpec) source {
	return source{
		path: "spec", name: name, variables: spec.Variables, matchConditions: spec.MatchConditions,
		validations: spec.Validations, auditAnnotations: spec.AuditAnnotations, failurePolicy: spec.FailurePolicy,
	}
}

// add compiles one variant.
func (p *validatingPolicy) add(name string, spec *policiesv1.ValidatingPolicySpec, prefix string) FaultsError {
	matching, faults := p.constrain(spec.MatchConstraints)
	d, s := p.dialect(), sourceOf(name, spec)
	compiled, found := lazily(prefix == "", func() (*body, FaultsError) { return compileBody(d, s, prefix) })
	p.variants = append(p.variants, variant{prefix: prefix, constraints: matching, body: compiled})
	p.info.Rules = append(p.info.Rules, s.rules(prefix)...)
	return append(faults, found...)
}

// dialect is the API server's own as long as that suffices: it is the smaller.
func (c *shared) dialect() *dialect.Dialect {
	if c.info.Lane == policy.Engine {
		return dialect.Kyverno()
	}
	return dialect.Kubernetes()
}

// Validate gives one result for each validation of the variant that matches.
func (p *validatingPolicy) Validate(ctx context.Context, r *policy.Request, w policy.World) []policy.Result {
	if p.ignores(r) {
		return nil
	}
	var results []policy.Result
	for _, one := range p.variants {
		found, err := p.match(one.constraints, r)
		if err != nil {
			results = append(results, p.unmatched(one.prefix, err)...)
			continue
		}
		if found != nil {
			results = append(results, one.body().evaluate(ctx, subject{Matched: found, template: template(p.info)}, p.options.session(ctx, r, w, p.namespace))...)
		}
	}
	return results
}

// shared is what all of Kyverno's kinds share.
type shared struct {
	info      policy.Info
	labels    map[string]string
	namespace string
	// json tells that the policy judges JSON documents.
	json    bool
	failure *admissionregistrationv1.FailurePolicyType
	options Options
}

// newShared reads what all kinds have.
func newShared(labels map[string]string, namespace string, evaluation *policiesv1.EvaluationConfiguration, options Options) shared {
	made := shared{labels: labels, namespace: namespace, options: options}
	made.info.Background, made.info.Admission = true, true
	if evaluation == nil {
		return made
	}
	made.json = evaluation.Mode == policiesv1.EvaluationModeJSON
	if evaluation.Background != nil && evaluation.Background.Enabled != nil {
		made.info.Background = *evaluation.Background.Enabled
	}
	if evaluation.Admission != nil && evaluation.Admission.Enabled != nil {
		made.info.Admission = *evaluation.Admission.Enabled
	}
	return made
}

// constrain wants constraints of every policy that judges objects.
func (c *shared) constrain(resources *admissionregistrationv1.MatchResources) (*request.Constraints, FaultsError) {
	const field = "spec.matchConstraints"
	if resources == nil && !c.json {
		return nil, FaultsError{{Field: field, Message: "is required: say which resources the policy concerns"}}
	}
	return constrain(field, resources)
}

// describe fills in what metadata says.
func (c *shared) describe(kind, name string, annotations map[string]string, action policy.Action) FaultsError {
	info, err := infoOf(kind, c.namespace, name, c.labels, annotations, action)
	info.Background, info.Admission = c.info.Background, c.info.Admission
	c.info = info
	if err != nil {
		return FaultsError{{Field: "metadata", Message: err.Error()}}
	}
	return nil
}

// Info describes the policy.
func (c *shared) Info() policy.Info { return c.info }

// ignores tells whether a request is none of the policy's business, whatever its
// constraints say.
func (c *shared) ignores(r *policy.Request) bool {
	if c.json {
		return false
	}
	return request.Exempt(r) || policy.Exempt(c.labels, r) || c.namespace != "" && r.Namespace != c.namespace
}

// match finds the request in the version the constraints ask for. JSON documents
// match always.
func (c *shared) match(matching *request.Constraints, r *policy.Request) (*request.Matched, error) {
	if c.json {
		return request.Everything(r), nil
	}
	return matching.Match(r)
}

// unmatched is the result for a request of which it is not known whether the
// policy concerns it.
func (c *shared) unmatched(prefix string, err error) []policy.Result {
	if c.failure != nil && *c.failure == admissionregistrationv1.Ignore {
		return nil
	}
	result := template(c.info)
	result.Rule, result.Status = prefix+"matchConstraints", policy.Error
	result.Message = fmt.Sprintf("failed to configure policy: %s", err)
	return []policy.Result{result}
}

// kindOf is the kind's name, or its namespaced twin's.
func kindOf(kind, namespace string) string {
	if namespace != "" {
		return "Namespaced" + kind
	}
	return kind
}
