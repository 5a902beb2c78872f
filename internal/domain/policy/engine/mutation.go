package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/merge"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// change is a compiled list of mutations.
type change struct {
	conditions matchconditions.Matcher
	patchers   []patch.Patcher
	composed   *plugincel.CompositedCompiler
	prefix     string
	rules      []string
	extended   bool
	failure    *admissionregistrationv1.FailurePolicyType
}

// compileChange compiles mutations with the conditions and variables of s.
func compileChange(d *dialect.Dialect, s source, mutations []admissionregistrationv1.Mutation, prefix string) (*change, FaultsError) {
	declared := dialect.Declarations{HasParams: s.hasParams, HasAuthorizer: true}
	c := newCompiler(d, s, declared)
	made := &change{composed: c.composed, prefix: prefix, extended: d.Extended(), failure: s.failurePolicy}
	made.conditions = c.matchConditions(s, declared)
	declared.HasPatchTypes = true
	for i, mutation := range mutations {
		made.rules = append(made.rules, fmt.Sprintf("%smutations[%d]", prefix, i))
		made.patchers = append(made.patchers, c.patcher(fmt.Sprintf("%s.mutations[%d]", s.path, i), mutation, declared, s.replaces))
	}
	return made, c.faults
}

// patcher compiles one mutation.
func (c *compiler) patcher(field string, mutation admissionregistrationv1.Mutation, declared dialect.Declarations, replaces bool) patch.Patcher {
	switch {
	case mutation.PatchType == admissionregistrationv1.PatchTypeJSONPatch && mutation.JSONPatch != nil:
		accessor := &patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}
		return patch.NewJSONPatcher(c.mutation(c.compile(field+".jsonPatch.expression", accessor, declared)))
	case mutation.PatchType == admissionregistrationv1.PatchTypeApplyConfiguration && mutation.ApplyConfiguration != nil:
		accessor := &patch.ApplyConfigurationCondition{Expression: mutation.ApplyConfiguration.Expression}
		configuration := c.mutation(c.compile(field+".applyConfiguration.expression", accessor, declared))
		if c.dialect.Extended() {
			return merge.NewApplier(configuration, replaces)
		}
		return patch.NewApplyConfigurationPatcher(configuration)
	}
	c.at = field
	c.fault("set patchType to JSONPatch or ApplyConfiguration, and the field of that name")
	return nil
}

// mutate runs the mutations in turn over a request that is matched. The state is
// what each of them sees and changes.
func (c *change) mutate(ctx context.Context, s subject, state *state, session *library.Session, waived policy.Waived) []policy.Result {
	if c.extended {
		ctx = s.enter(ctx, session)
	}
	authorizer := request.NewReviewer(session.World)
	if c.composed != nil {
		ctx = c.composed.CreateContext(ctx)
	}
	if c.conditions != nil {
		match := c.conditions.Match(ctx, s.Versioned, s.params, authorizer)
		if match.Error != nil {
			return []policy.Result{s.error(c.prefix+"matchConditions", match.Error.Error())}
		}
		if failed := s.unanswered(authorizer, c.prefix+"matchConditions"); failed != nil {
			return failed
		}
		if !match.Matches {
			return nil
		}
	}
	var results []policy.Result
	for i, patcher := range c.patchers {
		result := s.template
		result.Rule = c.rules[i]
		if override := waived.By(result.Rule); override != "" {
			result.Message = "the mutation"
			results = append(results, policy.Skipped(result, override))
			continue
		}
		changed, err := state.patch(ctx, patcher, s, authorizer)
		results = append(results, c.outcome(result, changed, errors.Join(err, authorizer.Err())))
	}
	return results
}

// outcome says what a mutation did.
func (c *change) outcome(result policy.Result, changed bool, err error) policy.Result {
	switch {
	case err != nil && c.failure != nil && *c.failure == admissionregistrationv1.Ignore:
		result.Status, result.Message = policy.Warn, "ignored, as the failure policy says: "+err.Error()
	case err != nil:
		result.Status, result.Message = policy.Error, err.Error()
	case changed:
		result.Status, result.Message = policy.Pass, "the object was changed"
	default:
		result.Status, result.Message = policy.Skip, "there is nothing to change"
	}
	return result
}

// state is an object while it is being changed.
type state struct {
	matched *request.Matched
	options Options
	changed bool
}

// newState gives mutations objects of their own: views are shared.
func newState(found *request.Matched, options Options) *state {
	own := *found
	own.Versioned = request.Versioned(found.Versioned.Attributes, found.Versioned.VersionedKind)
	if object := found.Versioned.VersionedObject.Object(); object != nil {
		own.Versioned.VersionedObject.Set(object)
	}
	if object := found.Versioned.VersionedOldObject.Object(); object != nil {
		own.Versioned.VersionedOldObject.Set(object)
	}
	return &state{matched: &own, options: options}
}

// patch runs one mutation and tells whether it changed the object.
func (s *state) patch(ctx context.Context, patcher patch.Patcher, of subject, authorizer *request.Reviewer) (bool, error) {
	attributes := s.matched.Versioned
	before := attributes.VersionedObject.Object()
	after, err := patcher.Patch(ctx, patch.Request{
		MatchedResource: s.matched.Resource, VersionedAttributes: attributes, ObjectInterfaces: s.matched.Interfaces,
		OptionalVariables: plugincel.OptionalVariableBindings{VersionedParams: of.params, Authorizer: authorizer},
		Namespace:         s.matched.Namespace, TypeConverter: merge.Converter(attributes.VersionedKind, s.options.TypeConverter),
	}, celconfig.RuntimeCELCostBudget)
	if err != nil {
		return false, err
	}
	if _, custom := before.(*unstructured.Unstructured); !custom {
		if after, err = s.matched.Interfaces.GetObjectConvertor().ConvertToVersion(after, attributes.VersionedKind.GroupVersion()); err != nil {
			return false, err
		}
		after.GetObjectKind().SetGroupVersionKind(attributes.VersionedKind)
	}
	if reflect.DeepEqual(before, after) {
		return false, nil
	}
	attributes.UpdateObject(after)
	s.changed = true
	return true, nil
}

// result is the request's object with all changes; nil without any.
func (s *state) result(r *policy.Request) (map[string]any, error) {
	if !s.changed {
		return nil, nil
	}
	before, err := content(s.matched.Attributes.GetObject())
	if err != nil {
		return nil, err
	}
	after, err := content(s.matched.Versioned.VersionedObject.Object())
	if err != nil {
		return nil, err
	}
	if s.matched.Versioned.VersionedKind != r.Kind {
		after["apiVersion"], after["kind"] = r.Kind.GroupVersion().String(), r.Kind.Kind
	}
	carried, _ := merge.Carry(r.Object, before, after).(map[string]any)
	if reflect.DeepEqual(carried, r.Object) {
		return nil, nil
	}
	return carried, nil
}

// content is an object as maps.
func content(object runtime.Object) (map[string]any, error) {
	if custom, ok := object.(*unstructured.Unstructured); ok {
		return custom.Object, nil
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(object)
}
