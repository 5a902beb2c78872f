package platformapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// maxBody is how long a request's body may be.
const maxBody = 1 << 20

// Handler serves claims over HTTP. It is safe for concurrent use.
type Handler struct {
	authenticator Authenticator
	catalogue     Catalogue
	accounts      Accounts
	documents     Documents
	trail         trail.Recorder
	log           *slog.Logger

	ending chan struct{}
	end    sync.Once
}

var _ http.Handler = (*Handler)(nil)

// New returns the API.
func New(authenticator Authenticator, catalogue Catalogue, accounts Accounts, documents Documents, recorder trail.Recorder, log *slog.Logger) *Handler {
	return &Handler{
		authenticator: authenticator, catalogue: catalogue, accounts: accounts, documents: documents, trail: recorder, log: log,
		ending: make(chan struct{}),
	}
}

// EndStreams ends what is being watched, so that a server can shut down in order.
func (h *Handler) EndStreams() { h.end.Do(func() { close(h.ending) }) }

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.URL.Path == "/openapi.json":
		h.serveOpenAPI(w, r)
	case r.URL.Path == "/docs" || strings.HasPrefix(r.URL.Path, "/docs/"):
		h.serveDocs(w, r)
	default:
		h.serveClaims(w, r)
	}
}

func (h *Handler) serveClaims(w http.ResponseWriter, r *http.Request) {
	to, wrong := h.find(w, r)
	if wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	if wrong := unacceptable(r, answerOf(to)); wrong != nil {
		problem.Write(w, *wrong)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch route := r.Method + " " + map[bool]string{true: "collection", false: "item"}[to.name == ""]; route {
	case "GET collection", "HEAD collection":
		h.list(w, r, to)
	case "POST collection":
		h.create(w, r, to)
	case "GET item", "HEAD item":
		h.read(w, r, to)
	case "PATCH item":
		h.patch(w, r, to)
	case "DELETE item":
		h.remove(w, r, to)
	default:
		methods(w, r, to)
	}
}

// answerOf is the media type of a request's answer.
func answerOf(to *target) string {
	if to.watch {
		return events
	}
	return jsonText
}

// methods says which ones a path takes, to who asks and to who uses another.
func methods(w http.ResponseWriter, r *http.Request, to *target) {
	allow := "GET, HEAD, OPTIONS, POST"
	if to.name != "" {
		allow = "GET, HEAD, OPTIONS, PATCH, DELETE"
		w.Header().Set("Accept-Patch", mergePatch+", "+jsonPatch)
	}
	w.Header().Set("Allow", allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	problem.Write(w, problem.New(http.StatusMethodNotAllowed, "this path takes "+allow))
}

// record puts a write into the trail, before it is made.
func (h *Handler) record(r *http.Request, to *target, namespace, name, verb string) *problem.Problem {
	actor := identity.Actor{Kind: identity.User, Name: to.caller.Name}
	if to.caller.Workload {
		actor.Kind = identity.ServiceAccount
	}
	err := h.trail.Record(r.Context(), trail.Record{
		Actor: actor, Action: "capability.claim." + verb,
		Object: trail.Object{Group: to.resource.Group, Kind: to.kind, Namespace: namespace, Name: name},
		Reason: "asked over HTTP on behalf of tenant " + to.caller.Tenant,
	})
	if err != nil {
		h.log.Error("the trail takes no record", "error", err)
		return refusal(http.StatusServiceUnavailable, "the platform cannot record what it does, and so does nothing: try again")
	}
	return nil
}

// failure is what callers are told of an error. What the API server says about
// the request is for them; the rest is for operators.
func (h *Handler) failure(err error) *problem.Problem {
	var refused apierrors.APIStatus
	if !errors.As(err, &refused) {
		h.log.Error("a request failed", "error", err)
		return refusal(http.StatusServiceUnavailable, "the platform cannot answer now: try again")
	}
	if apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "denied") {
		h.log.Error("the account of a namespace lacks rights", "error", err)
		return refusal(http.StatusServiceUnavailable, "the platform is not ready to answer here: try again")
	}
	p := problem.FromStatus(refused)
	if _, mistakes, strict := strings.Cut(p.Detail, strictly); strict { // before it may stand the whole object
		p = problem.New(http.StatusUnprocessableEntity, strictly+mistakes)
		p.Errors = unknownFields(mistakes)
	}
	return &p
}

// strictly is before what the API server says of fields that it does not have.
const strictly = "strict decoding error: "

// unknownFields are those that strict decoding names: unknown field "spec.x".
func unknownFields(detail string) []problem.FieldError {
	var found []problem.FieldError
	for part := range strings.SplitSeq(detail, ", ") {
		_, rest, ok := strings.Cut(part, `field "`)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, `"`)
		text := "there is no such field"
		if strings.Contains(part, "duplicate") {
			text = "it is given twice"
		}
		found = append(found, problem.FieldError{Field: name, Detail: text})
	}
	return found
}

// answer sends a claim.
func answer(w http.ResponseWriter, status int, claim *unstructured.Unstructured) {
	w.Header().Set("ETag", etag(claim))
	send(w, status, present(claim).Object)
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", jsonText)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone
}

func etag(claim *unstructured.Unstructured) string { return `"` + claim.GetResourceVersion() + `"` }

// shownMetadata are the fields of metadata that are shown; the rest is for
// Kubernetes alone. The OpenAPI document says the same.
var shownMetadata = []string{
	"name", "namespace", "labels", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
}

// present is a claim as callers see it.
func present(claim *unstructured.Unstructured) *unstructured.Unstructured {
	shown := claim.DeepCopy()
	metadata, _ := shown.Object["metadata"].(map[string]any)
	maps.DeleteFunc(metadata, func(field string, _ any) bool { return !slices.Contains(shownMetadata, field) })
	shown.SetAnnotations(withoutOwn(shown.GetAnnotations()))
	return shown
}
