package policy

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// ErrNoWorld is what a policy reports as an error when it wants to look
// something up and nobody gave it the means.
var ErrNoWorld = errors.New("this policy looks other objects up, which needs a cluster or values from a file")

// Info is what is known of a policy without evaluating it.
type Info struct {
	// Name, "namespace/name" where the policy has a namespace.
	Name string
	// Kind is the policy's kind, such as ValidatingPolicy.
	Kind string
	Tier Tier
	Lane Lane
	// LaneReason says why the policy is not native, in one phrase; empty if it is.
	LaneReason string
	// Severity, Category, Title and Description are copied from annotations.
	Severity, Category, Title, Description string
	// Rules are the names of its rules, in order.
	Rules []string
	// Background tells whether scans of existing objects evaluate it.
	Background bool
	// Admission tells whether requests are subject to it.
	Admission bool
	// Remote tells that it may ask a registry or a service, which takes longer
	// than what is at hand in the cluster.
	Remote bool
}

// Evaluator is one compiled policy. Implementations MUST be safe for concurrent
// use, MUST NOT change the request, and MUST NOT panic on any object.
type Evaluator interface {
	// Info is constant and cheap.
	Info() Info
	// Validate returns one result for each rule that concerns the request, in
	// the order of the policy; none when the policy does not concern it.
	Validate(ctx context.Context, r *Request, w World) []Result
}

// Mutator is an Evaluator that also changes objects.
type Mutator interface {
	Evaluator
	// Mutate returns the changed object and one result for each rule that
	// concerns the request. The object is nil when nothing changes, and never
	// shares what it changed with the request's. A rule for which waived returns
	// the name of an override changes nothing and is reported by Skipped.
	Mutate(ctx context.Context, r *Request, w World, waived Waived) (map[string]any, []Result)
}

// Waived returns the name of the override that waives a rule, or "".
type Waived func(rule string) string

// By returns the name of the override that waives a rule; "" also for callers
// without overrides.
func (w Waived) By(rule string) string {
	if w == nil {
		return ""
	}
	return w(rule)
}

// World is what a policy may look at besides the request. The zero value has
// nothing: policies that look things up answer with ErrNoWorld.
type World struct {
	// Lookup reads other objects.
	Lookup Lookup
	// Images reads and verifies images.
	Images Images
	// HTTP asks services outside of the cluster's API; nil where policies may not.
	HTTP HTTP
	// Now is the time of the decision.
	Now time.Time
	// Values stand in for what rules would look up, as a test gives them; nil
	// outside of tests.
	Values Values
	// Narrow finds what takes controls out of podSecurity rules; nil when nothing
	// does. A Set brings its own.
	Narrow Narrow
}

// Narrow returns what takes controls out of a podSecurity rule for the request:
// together they are excluded as if the rule excluded them. Implementations MUST
// be safe for concurrent use.
type Narrow func(info Info, rule string, r *Request, w World) []Narrowing

// Narrowing is an exception, or an override in force, that is about controls of a
// Pod Security Standard and not about a whole rule.
type Narrowing struct {
	// Name of the exception or override, "namespace/name".
	Name string
	// Override tells that it is an override.
	Override bool
	// Controls that it takes out.
	Controls []kyvernov1.PodSecurityStandard
}

// Values returns the variables that a test gives for a rule, by dotted names
// such as "settings.data.registry". A context entry whose name is the first part
// of one of them is not looked up. Implementations MUST be safe for concurrent
// use, and the caller must not change the map.
type Values func(policy, rule string) map[string]any

// PerElement is a value of which each element of a foreach gets one, by its place
// in the list; elements beyond its end, and what is outside of foreach, get none.
type PerElement []any

// Lookup reads objects of the cluster, with the rights of a reader that the
// operator chose for policies; or of a file of values. Implementations MUST be
// safe for concurrent use.
type Lookup interface {
	// Get returns one object, or an error for which apierrors.IsNotFound holds.
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error)
	// List returns the objects of a namespace, or of all when it is empty, that
	// have the labels.
	List(ctx context.Context, resource schema.GroupVersionResource, namespace string, labels map[string]string) ([]map[string]any, error)
	// Call sends a request to the API server by path, as legacy apiCall does,
	// and returns the decoded JSON.
	Call(ctx context.Context, method, path string, body any) (any, error)
	// Global returns an entry of the global context by name.
	Global(ctx context.Context, name string) (any, error)
}

// ErrNoHTTP is what a policy that asks a service reports where nobody allowed it.
var ErrNoHTTP = errors.New("policies may not make HTTP requests here; an administrator allows services by the server's flag --policy-services")

// HTTP asks services for policies: those of the operator's choice. Implementations
// MUST be safe for concurrent use and MUST NOT wait longer than the context.
type HTTP interface {
	// Do sends a request with a JSON body, if it is not nil, and returns the
	// decoded JSON of the answer, nil when it is no JSON, and the status. The
	// bundle is PEM of whom to trust; empty means the system's.
	Do(ctx context.Context, method, url string, headers map[string]string, body any, bundle string) (any, int, error)
}

// Images reads images from registries. Implementations cache, MUST be safe for
// concurrent use, and never wait longer than the context.
type Images interface {
	// Describe returns what the registry knows of an image, in the shape that
	// policies see as imageData: resolvedImage, registry, repository, manifest,
	// configData and so on.
	Describe(ctx context.Context, reference string) (map[string]any, error)
	// Verify checks an image's signatures or attestations.
	Verify(ctx context.Context, check ImageCheck) (ImageProof, error)
}

// Waivers finds overrides. Implementations MUST be safe for concurrent use.
type Waivers interface {
	// Waives returns the name of an approved override in force at the time that
	// covers the rule for the request, or "".
	Waives(info Info, rule string, r *Request, now time.Time) string
	// Narrows returns the approved overrides in force at the time that take
	// controls out of the rule for the request. None of them is what Waives returns.
	Narrows(info Info, rule string, r *Request, now time.Time) []Narrowing
}
