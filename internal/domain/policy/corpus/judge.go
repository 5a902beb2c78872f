package corpus

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// Sending is how the objects of a case are sent.
type Sending struct {
	// Operation is CREATE unless it is set. On DELETE the object is the old one.
	Operation admissionv1.Operation `json:"operation,omitempty"`
	// SubResource that is written.
	SubResource string `json:"subResource,omitempty"`
	// User who sends, and the roles bound to them.
	User         authenticationv1.UserInfo `json:"user,omitzero"`
	Roles        []string                  `json:"roles,omitempty"`
	ClusterRoles []string                  `json:"clusterRoles,omitempty"`
	// Old are the former states, by the object's name.
	Old map[string]map[string]any `json:"old,omitempty"`
	// DryRun tells that nothing will be stored.
	DryRun bool `json:"dryRun,omitempty"`
}

// Outcome is what comes of a case.
type Outcome struct {
	Results []Line
	// Mutated are the objects that changed.
	Mutated []map[string]any
}

// Requests returns the requests of a case, in order.
func (c Case) Requests() []*policy.Request {
	requests := make([]*policy.Request, len(c.Resources))
	for i, object := range c.Resources {
		requests[i] = c.request(object)
	}
	return requests
}

func (c Case) request(object map[string]any) *policy.Request {
	sent := &unstructured.Unstructured{Object: object}
	kind := sent.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	request := &policy.Request{
		Operation: cmp.Or(c.Sending.Operation, admissionv1.Create),
		Kind:      kind, Resource: resource, SubResource: c.Sending.SubResource,
		Namespace: sent.GetNamespace(), Name: sent.GetName(),
		Object: runtime.DeepCopyJSON(object), OldObject: runtime.DeepCopyJSON(c.Sending.Old[sent.GetName()]),
		NamespaceObject: c.Stage.namespace(sent),
		User:            c.Sending.User, Roles: c.Sending.Roles, ClusterRoles: c.Sending.ClusterRoles, DryRun: c.Sending.DryRun,
	}
	if kind.Kind == "Namespace" {
		request.Namespace = sent.GetName()
	}
	if request.Operation == admissionv1.Delete {
		request.OldObject, request.Object = request.Object, nil
	}
	return request
}

// Judge lets policies decide on each object of the case in turn.
func (c Case) Judge(ctx context.Context, evaluators []policy.Evaluator) Outcome {
	var outcome Outcome
	set, world := policy.NewSet(evaluators, nil), c.Stage.World()
	for _, request := range c.Requests() {
		decision := set.Decide(ctx, request, world)
		outcome.add(request.Name, decision.Results, decision.Object)
	}
	return outcome
}

// JudgeExcept is Judge where there are exceptions.
func (c Case) JudgeExcept(ctx context.Context, evaluators []policy.Evaluator, exempt scenario.Exemptions) (Outcome, error) {
	var outcome Outcome
	world := c.Stage.World()
	for _, request := range c.Requests() {
		verdicts, changed, err := scenario.Decide(ctx, request, evaluators, world, exempt)
		if err != nil {
			return Outcome{}, err
		}
		for _, verdict := range verdicts {
			outcome.add(request.Name, verdict.Results, nil)
		}
		outcome.add(request.Name, nil, changed)
	}
	return outcome, nil
}

// add notes what came of one object.
func (o *Outcome) add(name string, results []policy.Result, changed map[string]any) {
	for _, result := range results {
		o.Results = append(o.Results, Line{Resource: name, Rule: result.Rule, Status: string(result.Status), Message: result.Message})
	}
	if changed != nil {
		o.Mutated = append(o.Mutated, changed)
	}
}

// Differences says what of an outcome is not as the case expects; nothing if all
// is well. The order of results does not count.
func (c Case) Differences(outcome Outcome) []string {
	var all []string
	left := append([]Line(nil), outcome.Results...)
	for _, wanted := range c.Expected {
		found := find(left, wanted)
		if found < 0 {
			all = append(all, "missing result: "+wanted.String())
			continue
		}
		left = append(left[:found], left[found+1:]...)
	}
	for _, extra := range left {
		all = append(all, "unexpected result: "+extra.String())
	}
	return append(all, c.mutations(outcome.Mutated)...)
}

func find(results []Line, wanted Line) int {
	for i, result := range results {
		if result.Resource == wanted.Resource && result.Rule == wanted.Rule && result.Status == wanted.Status && strings.Contains(result.Message, wanted.Message) {
			return i
		}
	}
	return -1
}

// mutations compares changed objects, which must come in the order of the case.
func (c Case) mutations(changed []map[string]any) []string {
	if len(changed) != len(c.Mutated) {
		return []string{fmt.Sprintf("%d objects changed, want %d; they are now:\n%s", len(changed), len(c.Mutated), written(changed))}
	}
	var all []string
	for i, wanted := range c.Mutated {
		if !equality.Semantic.DeepEqual(normal(wanted), normal(changed[i])) {
			all = append(all, fmt.Sprintf("object %d became\n%swant\n%s", i, written(changed[i]), written(wanted)))
		}
	}
	return all
}

// normal makes numbers alike, whatever decoded them.
func normal(object map[string]any) map[string]any {
	var plain map[string]any
	text, err := sigsyaml.Marshal(object)
	if err == nil && sigsyaml.Unmarshal(text, &plain) == nil {
		return plain
	}
	return object
}

func written(v any) string {
	text, err := sigsyaml.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
