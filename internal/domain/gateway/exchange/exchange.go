package exchange

import (
	"io"
	"net/netip"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Exchange is one request with its answer, and all that became known on the way.
// A front sets Request and Start; the proxy sets the rest.
type Exchange struct {
	// Request as the client sent it. The proxy changes it in place on its way to
	// the backend; Method, Host and Path keep what the client sent.
	Request *http1.Request
	// Start is when the first byte of the request was read.
	Start time.Time

	// Method, Host (lower case, without port) and Path (escaped, as matched) of
	// the client's request.
	Method, Host, Path string
	// Config is what the exchange is served by from its first byte to its last.
	Config *gateway.Config
	// Listener is what the request came in by.
	Listener *gateway.Listener
	// Route and Rule are nil until one matches.
	Route *gateway.Route
	Rule  *gateway.Rule
	// Lifecycle is where the API's version stands; nil for none.
	Lifecycle *gateway.Lifecycle
	// Identity is who calls; nil for nobody.
	Identity *gateway.Identity
	// Backend and Endpoint are those of the last attempt.
	Backend  *gateway.Backend
	Endpoint netip.AddrPort
	// RequestID is x-request-id: the client's where it is sane, else a new one.
	RequestID string
	// TraceOrigin is the client's traceparent, and TraceParent what the backend
	// gets in its place; an Observer may set both in Start.
	TraceOrigin, TraceParent string

	// Status is the answer's, or 0 while there is none.
	Status int
	// Attempts that were made, 0 when no backend was asked.
	Attempts int
	// BytesIn and BytesOut count bodies.
	BytesIn, BytesOut int64
	// Upstream is the time from the first attempt to the backend's head.
	Upstream time.Duration
	// Duration is from Start to the answer's last byte.
	Duration time.Duration
	// Flag says in Envoy's words why the gateway answered itself, or FlagNone.
	Flag Flag
	// Reason is the same for people who operate the gateway; it never leaves it.
	Reason string
	// Upgraded is true for a connection handed over, such as a WebSocket.
	Upgraded bool
}

// Reset makes the Exchange fit for another request.
func (x *Exchange) Reset() { *x = Exchange{} }

// Tenant is whose request it is, or "".
func (x *Exchange) Tenant() string {
	if x.Identity == nil {
		return ""
	}
	return x.Identity.Tenant
}

// Flag is one of Envoy's response flags.
type Flag string

// The response flags in use.
const (
	// FlagNone is a request that went as it should.
	FlagNone Flag = ""
	// FlagNoRoute is a request that nothing matches.
	FlagNoRoute Flag = "NR"
	// FlagNoCluster is a rule or share whose backend cannot be resolved.
	FlagNoCluster Flag = "NC"
	// FlagNoHealthy is a backend without an endpoint.
	FlagNoHealthy Flag = "UH"
	// FlagConnectFailure is an endpoint that cannot be connected to.
	FlagConnectFailure Flag = "UF"
	// FlagReset is an endpoint that ended the connection in the middle.
	FlagReset Flag = "UC"
	// FlagProtocol is an answer that is not HTTP.
	FlagProtocol Flag = "UPE"
	// FlagOverflow is a backend that is full, or whose breakers are open.
	FlagOverflow Flag = "UO"
	// FlagTimeout is a backend that took too long.
	FlagTimeout Flag = "UT"
	// FlagRateLimited is a caller that has used up its rate.
	FlagRateLimited Flag = "RL"
	// FlagUnauthorized is a request that authorization refused.
	FlagUnauthorized Flag = "UAEX"
	// FlagOverload is a request that was shed so that others get their share.
	FlagOverload Flag = "OM"
	// FlagClientGone is a client that did not wait for its answer.
	FlagClientGone Flag = "DC"
	// FlagTooLarge is a request whose body is beyond the limit.
	FlagTooLarge Flag = "RBL"
	// FlagNoFlag is a version that the tenant has not switched on.
	FlagNoFlag Flag = "FF"
)

// Responder sends the answer to an Exchange; fronts implement it.
type Responder interface {
	// Respond sends status, header, all of the body and the trailer, and returns
	// how many bytes of body were sent. It MUST flush what it has whenever the
	// body pauses and has no known length, MUST send no body to HEAD or with 204
	// and 304, and MUST NOT close the body nor keep anything of res. It is called
	// once per exchange. An error means that the client is gone, or that reading
	// the body failed (then a BodyError wraps it) and the connection was cut so
	// that the client does not take the part for the whole.
	Respond(res *http1.Response) (int64, error)
	// Upgrade sends the 101 and hands over the connection, with what was already
	// read from it. The caller closes it.
	Upgrade(res *http1.Response) (io.ReadWriteCloser, error)
}

// BodyError tells that reading a body failed, not sending it.
type BodyError struct{ Err error }

// Error says what reading failed with.
func (e *BodyError) Error() string { return "reading the body: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *BodyError) Unwrap() error { return e.Err }
