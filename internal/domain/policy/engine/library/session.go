package library

import (
	"context"
	"hash/fnv"
	"math/rand/v2"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Verifier is the functions of a policy that validates images.
type Verifier interface {
	// Signatures counts those of the attestors who signed the image.
	Signatures(s *Session, image string, attestors []any) (int, error)
	// Attestations counts those of the attestors who signed the attestation.
	Attestations(s *Session, image, attestation string, attestors []any) (int, error)
	// Payload returns the predicate of an attestation that was verified.
	Payload(s *Session, image, attestation string) (any, error)
}

// Allowed is what exceptions allow for a request. Implementations MUST be safe
// for concurrent use.
type Allowed func(r *policy.Request, w policy.World) (images, values []string, err error)

// Session is what the functions see of the world in one evaluation. It is for
// one goroutine.
type Session struct {
	// Context bounds lookups.
	Context context.Context
	// World is what may be looked up.
	World policy.World
	// Verifier is nil but for policies that validate images.
	Verifier Verifier
	// Namespace is the policy's own; it may look nowhere else. Empty for
	// policies of the cluster.
	Namespace string
	// Subject names what the request is about, and seeds random.
	Subject string
	// Request is what is judged, and Allowed what exceptions allow for it; nil
	// means nothing. It is asked when an expression asks.
	Request *policy.Request
	Allowed Allowed
	// Images lists the object's images by the name of who found them; nil means
	// none. It is asked when an expression asks.
	Images func() (map[string][]string, error)
	// NamespaceObject is the namespace of the request's object. The API server
	// shows it to validations but not to conditions; Kyverno shows it to both.
	NamespaceObject any
	// Attestors and Attestations are what an image policy names so.
	Attestors map[string]any
	// Attestations are names only: they stand for themselves.
	Attestations map[string]string

	random *rand.Rand
	// bundle is the PEM of the roots that HTTP requests trust.
	bundle string
}

// Random returns the session's source of randomness: the same for the same
// subject at the same time.
func (s *Session) Random() *rand.Rand {
	if s.random == nil {
		seed := fnv.New64a()
		seed.Write([]byte(s.Subject))
		s.random = rand.New(rand.NewPCG(seed.Sum64(), uint64(s.World.Now.UnixNano())))
	}
	return s.random
}

// sessionKey finds the session of a context.
type sessionKey struct{}

// WithSession returns a context that evaluates in the session. CEL programs of
// the API server take nothing else along.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// Program returns a program that knows the names of this library. It must be
// evaluated with a context of WithSession.
func Program(planned cel.Program) cel.Program { return program{planned} }

type program struct{ cel.Program }

// ContextEval evaluates with the variables and the context's session.
func (p program) ContextEval(ctx context.Context, vars any) (ref.Val, *cel.EvalDetails, error) {
	session, _ := ctx.Value(sessionKey{}).(*Session)
	if session == nil {
		session = &Session{Context: ctx}
	}
	activation, err := cel.NewActivation(vars)
	if err != nil {
		return nil, nil, err
	}
	return p.Program.ContextEval(ctx, names{activation, session})
}

// names adds the library's variables to those of a request.
type names struct {
	cel.Activation
	session *Session
}

// ResolveName finds the library's variables, and then the request's.
func (n names) ResolveName(name string) (any, bool) {
	if kind, ok := receivers[name]; ok {
		return receiver{kind, n.session}, true
	}
	switch name {
	case exceptionsName:
		return n.session.exceptions(), true
	case imagesName:
		return n.session.images(), true
	case attestorsName:
		return n.session.Attestors, true
	case attestationsName:
		return n.session.Attestations, true
	}
	value, found := n.Activation.ResolveName(name)
	switch {
	case name == namespaceName && (value == nil || value == types.NullValue) && n.session.NamespaceObject != nil:
		return n.session.NamespaceObject, true
	case name == requestName && found:
		return n.request(value), true
	}
	return value, found
}

// Parent keeps CEL from looking past the library.
func (names) Parent() cel.Activation { return nil }

// images is a map, or an error as a CEL value.
func (s *Session) images() any {
	if s.Images == nil {
		return map[string][]string{}
	}
	found, err := s.Images()
	if err != nil {
		return types.WrapErr(err)
	}
	return found
}

// exceptions is a map, or an error as a CEL value.
func (s *Session) exceptions() any {
	var images, values []string
	if s.Allowed != nil {
		var err error
		if images, values, err = s.Allowed(s.Request, s.World); err != nil {
			return types.WrapErr(err)
		}
	}
	return map[string]any{"allowedImages": orEmpty(images), "allowedValues": orEmpty(values)}
}

func orEmpty(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
