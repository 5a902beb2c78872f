package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// Cluster tells what admission requests leave out.
type Cluster interface {
	// Namespace returns a namespace, or nil when there is none, from a cache.
	Namespace(ctx context.Context, name string) (map[string]any, error)
	// Roles lists the roles bound to a user: "namespace:name" and "name".
	Roles(ctx context.Context, user authenticationv1.UserInfo) (roles, clusterRoles []string, err error)
}

// Policies are the sets of each class that are in force. The zero value has none.
type Policies struct {
	sets atomic.Pointer[map[Class]*policy.Set]
}

// Use puts other policies in force, at once for all classes.
func (p *Policies) Use(evaluators []policy.Evaluator, waivers policy.Waivers) {
	sets := map[Class]*policy.Set{}
	for class, members := range Split(evaluators) {
		sets[class] = policy.NewSet(members, waivers)
	}
	p.sets.Store(&sets)
}

// of is the set of a class.
func (p *Policies) of(class Class) *policy.Set {
	if sets := p.sets.Load(); sets != nil && (*sets)[class] != nil {
		return (*sets)[class]
	}
	return policy.NewSet(nil, nil)
}

// Deps are what the handlers need. All are required.
type Deps struct {
	Policies *Policies
	Cluster  Cluster
	// World is what policies may look at. Now is set for each request.
	World   policy.World
	Clock   clock.PassiveClock
	Metrics *Metrics
}

// handler answers for one class, either by judging or by changing.
type handler struct {
	Deps
	class  Class
	answer func(ctx context.Context, h *handler, r *policy.Request, raw []byte) (admission.Response, []policy.Result)
	verb   string
}

// Validator judges requests by the policies of a class.
func Validator(class Class, deps Deps) admission.Handler {
	return &handler{Deps: deps, class: class, answer: validate, verb: "validate"}
}

// Mutator changes objects by the policies of a class.
func Mutator(class Class, deps Deps) admission.Handler {
	return &handler{Deps: deps, class: class, answer: mutate, verb: "mutate"}
}

// Handle answers one request.
func (h *handler) Handle(ctx context.Context, in admission.Request) admission.Response {
	begun := h.Clock.Now()
	waits := time.Duration(timeoutOf(h.class)) * time.Second
	last := time.NewTimer(waits * 4 / 5)
	defer last.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, waits*3/5, errSlow)
	defer cancel()
	r, err := policy.FromAdmission(&in.AdmissionRequest)
	if err == nil {
		err = h.complete(ctx, r)
	}
	if err != nil {
		return h.unanswered(err)
	}
	response, results := h.inTime(ctx, last.C, r, func() (admission.Response, []policy.Result) {
		return h.answer(ctx, h, r, in.Object.Raw)
	})
	response.AuditAnnotations = annotations(results)
	h.Metrics.decided(h.verb, h.class, r.Tenant(), results, h.Clock.Since(begun))
	return response
}

// inTime answers while the API server still waits: it would go on without a
// policy that blocks. Policies give up by themselves as soon as they notice that
// their time is over, which is before; one that does not is left behind. A panic is
// the caller's, as if there were no other goroutine.
func (h *handler) inTime(ctx context.Context, last <-chan time.Time, r *policy.Request, answer func() (admission.Response, []policy.Result)) (admission.Response, []policy.Result) {
	type answered struct {
		response admission.Response
		results  []policy.Result
		fault    any
	}
	done := make(chan answered, 1)
	go func() {
		var found answered
		defer func() {
			if found.fault = recover(); found.fault != nil {
				_ = policy.Panicked(ctx, found.fault)
			}
			done <- found
		}()
		found.response, found.results = answer()
	}()
	select {
	case found := <-done:
		if found.fault != nil {
			panic(found.fault)
		}
		return found.response, found.results
	case <-last:
	}
	if failsOpen(h.class) && h.blocks(r) {
		return admission.Denied(errSlow.Error()), nil
	}
	return h.unanswered(errSlow), nil
}

// blocks tells whether a policy that refuses may concern the request.
func (h *handler) blocks(r *policy.Request) bool {
	about := policy.Served{Group: r.Resource.Group, Version: r.Resource.Version, Kind: r.Kind.Kind, Resource: r.Resource.Resource, Subresource: r.SubResource}
	return slices.ContainsFunc(h.Policies.of(h.class).Evaluators(), func(e policy.Evaluator) bool {
		return e.Info().Tier.Blocks() && concerns(h.class, e, about, r.Operation)
	})
}

// errSlow is why a policy that does not come to an end is an error: one that
// blocks refuses then, so that nobody gets around it by an object that is large.
var errSlow = errors.New("the policy takes too long with an object of this size: make it smaller, or have the policy look at less")

// unanswered does what the API server does where it gets no answer: an answer
// that nothing can be said would refuse, whatever the class.
func (h *handler) unanswered(err error) admission.Response {
	if failsOpen(h.class) {
		return admission.Allowed("").WithWarnings(fmt.Sprintf("policies could not judge this request: %v", err))
	}
	return admission.Errored(http.StatusInternalServerError, err)
}

// complete adds what the request leaves out.
func (h *handler) complete(ctx context.Context, r *policy.Request) (err error) {
	if r.Namespace != "" {
		if r.NamespaceObject, err = h.Cluster.Namespace(ctx, r.Namespace); err != nil {
			return err
		}
	}
	r.Roles, r.ClusterRoles, err = h.Cluster.Roles(ctx, r.User)
	return err
}

func (h *handler) world() policy.World {
	world := h.World
	world.Now = h.Clock.Now()
	return world
}

func validate(ctx context.Context, h *handler, r *policy.Request, _ []byte) (admission.Response, []policy.Result) {
	decision := policy.Decision{Results: h.Policies.of(h.class).Validate(ctx, r, h.world())}
	if !decision.Allowed() {
		return refused(decision), decision.Results
	}
	return admission.Allowed("").WithWarnings(decision.Warnings()...), decision.Results
}

func mutate(ctx context.Context, h *handler, r *policy.Request, raw []byte) (admission.Response, []policy.Result) {
	object, results := h.Policies.of(h.class).Mutate(ctx, r, h.world())
	decision := policy.Decision{Object: object, Results: results}
	if !decision.Allowed() {
		return refused(decision), results
	}
	if object == nil {
		return admission.Allowed("").WithWarnings(decision.Warnings()...), results
	}
	changed, err := json.Marshal(object)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err), results
	}
	return admission.PatchResponseFromRaw(raw, changed).WithWarnings(decision.Warnings()...), results
}

func refused(decision policy.Decision) admission.Response {
	response := admission.Denied("")
	response.Result = &metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: decision.Refusal()}
	return response.WithWarnings(decision.Warnings()...)
}

// annotations tell the audit event which rules were not content, and which
// overrides were used: override.Uses reads them.
func annotations(results []policy.Result) map[string]string {
	notes := map[string]string{}
	for _, result := range results {
		switch {
		case result.Override != "":
			for _, name := range result.Overrides() {
				notes[override.AuditKey] = appended(notes[override.AuditKey], override.AuditEntry(result.Policy, name))
			}
		case result.Status == policy.Fail || result.Status == policy.Error || result.Status == policy.Warn:
			notes["failed"] = appended(notes["failed"], result.Policy+"/"+result.Rule)
		}
	}
	return notes
}

func appended(list, item string) string {
	if list == "" {
		return item
	}
	return list + "," + item
}
