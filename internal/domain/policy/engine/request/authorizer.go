package request

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// reviewPath is where the API server says who may do what.
const reviewPath = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

// Reviewer answers CEL's authorizer by asking the API server. It notes that it
// could not, because CEL would take a missing answer for a no.
type Reviewer struct {
	world policy.World
	err   error
}

// NewReviewer asks through the world of an evaluation.
func NewReviewer(world policy.World) *Reviewer { return &Reviewer{world: world} }

var _ authorizer.UnconditionalAuthorizer = (*Reviewer)(nil)

// Authorize asks for a SubjectAccessReview.
func (a *Reviewer) Authorize(ctx context.Context, wanted authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.world.Lookup == nil {
		a.err = policy.ErrNoWorld
		return authorizer.DecisionNoOpinion, "", a.err
	}
	answer, err := a.world.Lookup.Call(ctx, "POST", reviewPath, review(wanted))
	if err != nil {
		a.err = fmt.Errorf("asking who may do what: %w", err)
		return authorizer.DecisionNoOpinion, "", a.err
	}
	content, _ := answer.(map[string]any)
	status, _ := content["status"].(map[string]any)
	reason, _ := status["reason"].(string)
	if allowed, _ := status["allowed"].(bool); allowed {
		return authorizer.DecisionAllow, reason, nil
	}
	if denied, _ := status["denied"].(bool); denied {
		return authorizer.DecisionDeny, reason, nil
	}
	return authorizer.DecisionNoOpinion, reason, nil
}

// Err tells why an answer is missing; nil if none is.
func (a *Reviewer) Err() error { return a.err }

// review is the SubjectAccessReview that asks.
func review(wanted authorizer.Attributes) map[string]any {
	who := wanted.GetUser()
	extra := map[string]any{}
	for key, values := range who.GetExtra() {
		extra[key] = values
	}
	spec := map[string]any{"user": who.GetName(), "uid": who.GetUID(), "groups": who.GetGroups(), "extra": extra}
	if wanted.IsResourceRequest() {
		spec["resourceAttributes"] = selected(wanted, map[string]any{
			"namespace": wanted.GetNamespace(), "verb": wanted.GetVerb(), "group": wanted.GetAPIGroup(),
			"version": wanted.GetAPIVersion(), "resource": wanted.GetResource(),
			"subresource": wanted.GetSubresource(), "name": wanted.GetName(),
		})
	} else {
		spec["nonResourceAttributes"] = map[string]any{"path": wanted.GetPath(), "verb": wanted.GetVerb()}
	}
	return map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
}

// selected adds the selectors that the question is limited to. One that cannot be
// read limits nothing, as with the API server.
func selected(wanted authorizer.Attributes, attributes map[string]any) map[string]any {
	if found, err := wanted.GetFieldSelector(); err == nil && len(found) > 0 {
		var requirements []any
		for _, one := range found {
			operator := "In"
			if one.Operator == selection.NotEquals {
				operator = "NotIn"
			}
			requirements = append(requirements, map[string]any{"key": one.Field, "operator": operator, "values": []any{one.Value}})
		}
		attributes["fieldSelector"] = map[string]any{"requirements": requirements}
	}
	if found, err := wanted.GetLabelSelector(); err == nil && len(found) > 0 {
		var requirements []any
		for _, one := range found {
			if operator, ok := labelOperators[one.Operator()]; ok {
				requirements = append(requirements, map[string]any{"key": one.Key(), "operator": operator, "values": one.Values().List()})
			}
		}
		attributes["labelSelector"] = map[string]any{"requirements": requirements}
	}
	return attributes
}

// labelOperators are the names of operators in reviews; the others cannot be said.
// It is never changed.
var labelOperators = map[selection.Operator]string{
	selection.In: "In", selection.Equals: "In", selection.DoubleEquals: "In",
	selection.NotIn: "NotIn", selection.NotEquals: "NotIn",
	selection.Exists: "Exists", selection.DoesNotExist: "DoesNotExist",
}
