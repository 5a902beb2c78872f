package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/ptr"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// mutatingPolicy is a compiled MutatingPolicy.
type mutatingPolicy struct {
	shared
	again    bool
	variants []changeVariant
}

var _ policy.Reinvoker = (*mutatingPolicy)(nil)

// changeVariant is a policy as it was written, or rewritten for workload kinds.
type changeVariant struct {
	prefix      string
	constraints *request.Constraints
	change      func() *change
	// notes are the annotations of results; nil when there are none.
	notes *body
}

// CompileMutating compiles a MutatingPolicy with what Kyverno writes for
// workload kinds. A NamespacedMutatingPolicy is given as its cluster twin with its
// namespace in metadata. The error is a FaultsError; changing existing objects is
// unsupported.
func CompileMutating(p *policiesv1.MutatingPolicy, options Options) (policy.Mutator, error) {
	made := &mutatingPolicy{shared: newShared(p.Labels, p.Namespace, evaluationOf(p), options)}
	made.failure, made.again = p.Spec.FailurePolicy, p.Spec.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
	faults := made.describe(kindOf("MutatingPolicy", p.Namespace), p.Name, p.Annotations, policy.Mutate)
	faults = append(faults, unsupportedChanges(&p.Spec)...)
	if needs := NeedsMutating(p); needs != "" {
		made.info.Lane, made.info.LaneReason, made.info.Remote = policy.Engine, needs, policy.AsksOutside(p.Spec)
	}
	faults = append(faults, made.add(p.Name, &p.Spec, "")...)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, rewritten := range autogen.Mutating(p) {
		faults = append(faults, made.add(p.Name, &rewritten.Spec, rewritten.Prefix)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return made, nil
}

// unsupportedChanges names what Roadbed does not do.
func unsupportedChanges(spec *policiesv1.MutatingPolicySpec) FaultsError {
	var faults FaultsError
	unsupported := func(field string, asked bool) {
		if asked {
			faults = append(faults, Fault{Field: field, Message: "changing existing objects is not supported", Unsupported: true})
		}
	}
	unsupported("spec.targetMatchConstraints", spec.TargetMatchConstraints != nil)
	unsupported("spec.targetMatchConditions", len(spec.TargetMatchConditions) > 0)
	existing := spec.Evaluation != nil && spec.Evaluation.MutateExisting != nil
	unsupported("spec.evaluation.mutateExisting", existing && ptr.Deref(spec.Evaluation.MutateExisting.Enabled, false))
	return faults
}

// evaluationOf is the part that all kinds have.
func evaluationOf(p *policiesv1.MutatingPolicy) *policiesv1.EvaluationConfiguration {
	if p.Spec.Evaluation == nil {
		return nil
	}
	return &policiesv1.EvaluationConfiguration{
		Mode: p.Spec.Evaluation.Mode, Admission: p.Spec.Evaluation.Admission, Background: p.Spec.Evaluation.Background,
	}
}

// NeedsMutating is Needs for a MutatingPolicy.
func NeedsMutating(p *policiesv1.MutatingPolicy) string {
	if p.Spec.Evaluation != nil && p.Spec.Evaluation.Mode == policiesv1.EvaluationModeJSON {
		return "it changes JSON documents, not objects"
	}
	s := changeSourceOf(p.Name, &p.Spec)
	_, faults := compileChange(dialect.Admissible(), s, p.Spec.Mutations, "")
	if why := s.unapplied(p.Spec.Mutations); why != "" && len(faults) == 0 {
		return why
	}
	var expressions []string
	for _, mutation := range p.Spec.Mutations {
		if mutation.JSONPatch != nil {
			expressions = append(expressions, mutation.JSONPatch.Expression)
		}
		if mutation.ApplyConfiguration != nil {
			expressions = append(expressions, mutation.ApplyConfiguration.Expression)
		}
	}
	return reason(faults, s, expressions)
}

func changeSourceOf(name string, spec *policiesv1.MutatingPolicySpec) source {
	return source{
		path: "spec", name: name, variables: spec.Variables, matchConditions: spec.MatchConditions, failurePolicy: spec.FailurePolicy,
		replaces: spec.Evaluation != nil && spec.Evaluation.UseServerSideApply,
	}
}

// add compiles one variant.
func (p *mutatingPolicy) add(name string, spec *policiesv1.MutatingPolicySpec, prefix string) FaultsError {
	matching, faults := p.constrain(spec.MatchConstraints)
	d, s, mutations := p.dialect(), changeSourceOf(name, spec), spec.Mutations
	compiled, found := lazily(prefix == "", func() (*change, FaultsError) { return compileChange(d, s, mutations, prefix) })
	made := changeVariant{prefix: prefix, constraints: matching, change: compiled}
	if len(spec.AuditAnnotations) > 0 {
		noted, wrong := compileBody(d, source{path: s.path, name: name, variables: s.variables, auditAnnotations: spec.AuditAnnotations}, prefix)
		made.notes, found = noted, append(found, wrong...)
	}
	p.variants = append(p.variants, made)
	for i := range mutations {
		p.info.Rules = append(p.info.Rules, fmt.Sprintf("%smutations[%d]", prefix, i))
	}
	return append(faults, found...)
}

// Reinvoke tells whether others' changes make it run again.
func (p *mutatingPolicy) Reinvoke() bool { return p.again }

// Validate has nothing to say: the policy changes what it does not like.
func (p *mutatingPolicy) Validate(context.Context, *policy.Request, policy.World) []policy.Result {
	return nil
}

// Mutate changes the object by all mutations of the variant that matches.
func (p *mutatingPolicy) Mutate(ctx context.Context, r *policy.Request, w policy.World, waived policy.Waived) (map[string]any, []policy.Result) {
	if p.ignores(r) || r.Object == nil {
		return nil, nil
	}
	session := p.options.session(ctx, r, w, p.namespace)
	request := p.request(r)
	for _, one := range p.variants {
		found, err := p.match(one.constraints, request)
		if err != nil {
			return nil, p.unmatched(one.prefix, err)
		}
		if found == nil {
			continue
		}
		changing := newState(found, p.options)
		judged := subject{Matched: changing.matched, template: template(p.info)}
		results := one.change().mutate(ctx, judged, changing, session, waived)
		results = append(results, one.annotate(ctx, judged, session, results)...)
		object, err := changing.result(request)
		if err != nil {
			results = append(results, judged.error(one.prefix+"mutations", fmt.Sprintf("the changed object has no JSON form: %s", err)))
		}
		return p.plain(r, object), results
	}
	return nil, nil
}

// annotate is what the annotations say of the object, if it was changed without an
// error. One that cannot be evaluated is a warning: the API server, which has none,
// does not refuse for it.
func (v changeVariant) annotate(ctx context.Context, s subject, session *library.Session, changes []policy.Result) []policy.Result {
	if v.notes == nil || len(changes) == 0 || slices.ContainsFunc(changes, func(r policy.Result) bool { return r.Status == policy.Error }) {
		return nil
	}
	results := v.notes.judge(ctx, s, session)
	for i := range results {
		if results[i].Status == policy.Error {
			results[i].Status = policy.Warn
		}
	}
	return results
}

// kindless are the fields that a JSON document may lack and the API server's
// code wants.
var kindless = []string{"apiVersion", "kind"}

// request names a JSON document's kind while it is changed.
func (p *mutatingPolicy) request(r *policy.Request) *policy.Request {
	if !p.json || r.Object["kind"] != nil {
		return r
	}
	object := map[string]any{"apiVersion": "roadbed.dev/v1", "kind": "Document"}
	maps.Copy(object, r.Object)
	return r.With(object)
}

// plain takes the name away again.
func (p *mutatingPolicy) plain(r *policy.Request, object map[string]any) map[string]any {
	if object == nil || !p.json || slices.ContainsFunc(kindless, func(field string) bool { return r.Object[field] != nil }) {
		return object
	}
	for _, field := range kindless {
		delete(object, field)
	}
	return object
}
