package policy

import (
	"path"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
)

// Scope is a set of resources that a policy may concern. It is never narrower
// than what the policy matches: who asks only about what is in scope misses
// nothing.
type Scope struct {
	// Group and Version may be "*".
	Group, Version string
	// Kind is a pattern with wildcards, as legacy policies have it, or empty.
	Kind string
	// Resource is a plural or "*", as Kubernetes' own policies have it, or empty.
	Resource string
	// Subresource is empty for the object itself; "*" for any, the object
	// included where Resource is "*/*" in the policy.
	Subresource string
	// Operations are those that the policy wants to see.
	Operations []admissionv1.Operation
	// Objects is the label selector of the objects, as lists and watches take it;
	// empty for all.
	Objects string
}

// Scoped is an Evaluator that knows its scope without being asked about a
// request.
type Scoped interface {
	// Scopes are the resources that the policy may concern.
	Scopes() []Scope
}

// Served is a resource that an API server serves.
type Served struct {
	Group, Version, Kind, Resource, Subresource string
	Namespaced                                  bool
}

// Covers tells whether the resource is in scope.
func (s Scope) Covers(r Served) bool {
	if !equals(s.Group, r.Group) || !equals(s.Version, r.Version) || !equals(s.Subresource, r.Subresource) {
		return false
	}
	if s.Resource != "" {
		return equals(s.Resource, r.Resource)
	}
	matched, err := path.Match(s.Kind, r.Kind)
	return err == nil && matched
}

func equals(pattern, value string) bool { return pattern == "*" || pattern == value }

// Wants tells whether one of the operations is in scope.
func (s Scope) Wants(operations ...admissionv1.Operation) bool {
	return slices.ContainsFunc(operations, func(o admissionv1.Operation) bool { return slices.Contains(s.Operations, o) })
}

// Covering returns those of the served resources that are in one of the
// evaluators' scopes for one of the operations, in the order given. An
// evaluator that does not know its scope concerns everything.
func Covering(evaluators []Evaluator, served []Served, operations ...admissionv1.Operation) []Served {
	var scopes []Scope
	for _, evaluator := range evaluators {
		scoped, ok := evaluator.(Scoped)
		if !ok {
			return served
		}
		scopes = append(scopes, scoped.Scopes()...)
	}
	var covered []Served
	for _, resource := range served {
		if slices.ContainsFunc(scopes, func(s Scope) bool { return s.Wants(operations...) && s.Covers(resource) }) {
			covered = append(covered, resource)
		}
	}
	return covered
}

// Selector is the label selector of the objects of a resource that the
// evaluators may concern for one of the operations; empty for all.
func Selector(evaluators []Evaluator, resource Served, operations ...admissionv1.Operation) string {
	var selectors []string
	for _, evaluator := range evaluators {
		scoped, ok := evaluator.(Scoped)
		if !ok {
			return ""
		}
		for _, scope := range scoped.Scopes() {
			if scope.Wants(operations...) && scope.Covers(resource) {
				selectors = append(selectors, scope.Objects)
			}
		}
	}
	if selectors = slices.Compact(selectors); len(selectors) != 1 {
		return ""
	}
	return selectors[0]
}

// String is the resource as policies write it: "group/version/resource/subresource".
func (r Served) String() string {
	parts := []string{r.Group, r.Version, r.Resource, r.Subresource}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

// Imaged is an Evaluator that decides on container images.
type Imaged interface {
	// ImagePatterns are globs of the images it decides on; none when it decides
	// on no image. They are never narrower than what it matches.
	ImagePatterns() []string
}

// Closed is an Evaluator whose author says what an unanswered request is worth.
type Closed interface {
	// FailsClosed tells that a request must be refused when nobody can evaluate
	// the policy, because the policy says so itself.
	FailsClosed() bool
}

// Divisible is an Evaluator of which some rules decide on images and others do
// not.
type Divisible interface {
	// Divide returns the rules on images and the other rules as policies of
	// their own, which judge together as the policy does; none when all rules
	// are of one sort.
	Divide() []Evaluator
}

// Roled is an Evaluator that may ask which roles are bound to who sent a
// request.
type Roled interface {
	// AsksRoles tells whether it does.
	AsksRoles() bool
}
