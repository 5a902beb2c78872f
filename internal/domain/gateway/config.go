package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"regexp"
	"time"
)

// Config is all that one gateway process serves, as plain data: what the
// objects of a cluster mean, with every reference resolved. It is never changed
// after it was made; a change of the cluster is another Config.
type Config struct {
	// Version tells one Config from the next in logs and metrics.
	Version string
	// Listeners are sorted by name. Those with the same Address share a socket
	// and are told apart by protocol, server name and host.
	Listeners []Listener
	// Backends are keyed by Backend.ID.
	Backends map[string]*Backend
	// Authorizations, RateLimits and Lifecycles are keyed by "namespace/name".
	Authorizations map[string]*Authorization
	RateLimits     map[string]*RateLimit
	Lifecycles     map[string]*Lifecycle
	// Keys are the API keys that subscriptions hand out, by the hash of the key:
	// lower-case hex of SHA-256.
	Keys map[string]Client
	// Tenants says to which tenant a namespace belongs.
	Tenants map[string]Tenant
	// Flags says which tenants have switched a feature flag on.
	Flags map[string]map[string]bool
}

// Tenant is whom a namespace belongs to.
type Tenant struct {
	Name, BusinessUnit, Environment, Tier string
}

// Client is who holds an API key.
type Client struct {
	// ID is "namespace/name" of the Subscription.
	ID string
	// Tenant is whom the client belongs to.
	Tenant, BusinessUnit string
	// APIs are the API names the key is good for; empty means all.
	APIs []string
	// Expires is when the key ends; zero means never.
	Expires time.Time
}

// Protocol is what a listener speaks.
type Protocol string

// The protocols of listeners.
const (
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "HTTPS"
	TLS   Protocol = "TLS"
)

// Listener is one listener of one Gateway.
type Listener struct {
	// Name is "namespace/gateway/listener", or with a ListenerSet
	// "namespace/gateway/set-namespace/set/listener".
	Name string
	// Gateway is "namespace/name"; its access log and metrics carry it.
	Gateway string
	// Address is what to listen on.
	Address netip.AddrPort
	// Port is what the Gateway calls the port, where Address has another; 0 where
	// it has not. Redirects name it.
	Port int
	// Protocol is what is spoken there.
	Protocol Protocol
	// Hostname is what the listener answers to: a name, "*.name" or "" for all.
	Hostname string
	// TLS is set for HTTPS and terminated TLS.
	TLS *ServerTLS
	// Routes are those attached, in no particular order.
	Routes []*Route
	// Cluster is what metrics call envoy_cluster_name: the Gateway's namespace.
	Cluster string
	// MaxConnections bounds connections of the socket; 0 means the process's default.
	MaxConnections int
}

// ServerTLS is what a listener presents and demands.
type ServerTLS struct {
	// Certificates, best match by server name; the first is the default.
	Certificates []tls.Certificate
	// ClientCAs verify client certificates; nil means none is asked for.
	ClientCAs *x509.CertPool
	// RequireClient refuses the handshake without a valid client certificate;
	// else an absent or bad one is no identity.
	RequireClient bool
	// MinVersion is tls.VersionTLS12 where zero.
	MinVersion uint16
}

// RouteKind is the kind a route was written as.
type RouteKind string

// The kinds of routes.
const (
	HTTPRoute RouteKind = "HTTPRoute"
	GRPCRoute RouteKind = "GRPCRoute"
)

// Route is a set of rules for a set of host names.
type Route struct {
	Kind RouteKind
	// Namespace and Name as the cluster has them.
	Namespace, Name string
	// Created breaks ties between equal matches: the older wins, then the name.
	Created time.Time
	// Hostnames are those that the listener lets the route have: names or
	// "*.name"; empty means all that the listener answers to.
	Hostnames []string
	// Rules in the order they were written.
	Rules []Rule
}

// Rule is what to do with requests that match.
type Rule struct {
	// Name as written, or the rule's index.
	Name string
	// Matches are alternatives; never empty.
	Matches []Match
	// Filters are done before a backend is chosen.
	Filters Filters
	// Backends by weight; those with weight 0 get nothing.
	Backends []Weighted
	// Reject, when not 0, is the status of the answer to every request: 500 for
	// a rule whose references cannot be resolved.
	Reject int
	// RejectReason is for the access log; it never leaves the process.
	RejectReason string
	// Timeouts bound a request.
	Timeouts Timeouts
	// Retry is nil for none.
	Retry *Retry
	// Persistence is nil for none.
	Persistence *Persistence
	// MaxBody bounds a request's body in bytes; 0 means the process's default.
	MaxBody int64
}

// Persistence keeps a client's requests at one endpoint.
type Persistence struct {
	// Cookie or Header names what carries the session; one of them is set.
	Cookie, Header string
	// Absolute and Idle bound a session; 0 means until the client closes.
	Absolute, Idle time.Duration
	// Permanent gives the cookie a life time of its own.
	Permanent bool
}

// Match is a conjunction.
type Match struct {
	// Path; the zero value matches all.
	Path PathMatch
	// Method is empty for all.
	Method string
	// Headers and Queries must all match.
	Headers, Queries []ValueMatch
}

// PathMatch says which paths match. One field is set; none means all.
type PathMatch struct {
	// Exact is the whole path.
	Exact string
	// Prefix matches whole path elements and has no trailing slash; "/" is all.
	Prefix string
	// Regexp must match the whole path.
	Regexp *regexp.Regexp
}

// ValueMatch is one header or query parameter.
type ValueMatch struct {
	// Name of a header in lower case, of a query parameter as it is.
	Name string
	// Exact value, or Regexp for the whole value where not nil.
	Exact  string
	Regexp *regexp.Regexp
}

// Filters of a rule or of one of its backends.
type Filters struct {
	// Authorization names policies in Config.Authorizations: all must let the
	// request pass.
	Authorization []string
	// RateLimits names policies in Config.RateLimits: all are charged.
	RateLimits []string
	// Lifecycle names one in Config.Lifecycles, or is empty.
	Lifecycle string
	// Request and Response change headers.
	Request, Response *HeaderChange
	// Redirect answers instead of a backend.
	Redirect *Redirect
	// Rewrite changes host or path on the way to the backend.
	Rewrite *Rewrite
	// Mirrors get copies whose answers nobody reads.
	Mirrors []Mirror
	// CORS answers preflights and decorates answers; nil for none.
	CORS *CORS
}

// HeaderChange changes headers: Remove first, then Set, then Add.
type HeaderChange struct {
	Set, Add []NameValue
	Remove   []string
}

// NameValue is a header field.
type NameValue struct{ Name, Value string }

// PathChange says how to change a path. At most one field is set.
type PathChange struct {
	// Full replaces the whole path.
	Full *string
	// Prefix replaces the prefix that matched.
	Prefix *string
}

// Redirect is a redirect; what is empty is kept from the request.
type Redirect struct {
	Scheme, Hostname string
	// Port is 0 for the scheme's own, or the listener's where Scheme is empty.
	Port   int
	Path   PathChange
	Status int
}

// Rewrite changes what the backend sees.
type Rewrite struct {
	Hostname string
	Path     PathChange
}

// Mirror is where copies go.
type Mirror struct {
	// Backend is the ID of a backend.
	Backend string
	// Numerator of Denominator requests are copied; 0 of 0 means all.
	Numerator, Denominator int32
}

// CORS is the cross-origin policy of a rule.
type CORS struct {
	Origins          []string
	Methods          []string
	Headers, Exposed []string
	Credentials      bool
	MaxAge           time.Duration
}

// Timeouts bound a request. 0 means the process's default, negative none.
type Timeouts struct {
	// Request bounds all of it, retries included.
	Request time.Duration
	// Backend bounds one attempt.
	Backend time.Duration
}

// Retry says when another attempt is made. Only requests that are safe to
// repeat, or that no backend has seen, are repeated.
type Retry struct {
	// Codes are statuses that call for another attempt.
	Codes []int
	// Attempts beyond the first.
	Attempts int
	// Backoff is the least pause.
	Backoff time.Duration
	// BudgetPercent of the requests of a backend may be retries; 0 means 20.
	BudgetPercent int
}

// Weighted is a backend and its share.
type Weighted struct {
	// Backend is an ID, or "" where the reference is invalid: then 500.
	Backend string
	Weight  int
	// Filters are done for this backend only.
	Filters Filters
}

// AppProtocol is what a backend speaks.
type AppProtocol string

// What backends speak.
const (
	HTTP1 AppProtocol = "http/1.1"
	H2C   AppProtocol = "h2c"
	H2    AppProtocol = "h2"
	WS    AppProtocol = "ws"
)

// Backend is a set of endpoints that are alike.
type Backend struct {
	// ID is "namespace/service:port", with "#" and the policy's name where a
	// BackendTLSPolicy makes it differ.
	ID string
	// Namespace, Service and Port as the reference has them.
	Namespace, Service string
	Port               int
	// Protocol is what the endpoints speak.
	Protocol AppProtocol
	// TLS is nil for plain text.
	TLS *ClientTLS
	// Endpoints that are ready, sorted. None means 503.
	Endpoints []Endpoint
	// Limits of the whole backend.
	Limits BackendLimits
}

// Endpoint is one address.
type Endpoint struct {
	Address netip.AddrPort
	// Zone is empty where unknown.
	Zone string
}

// ClientTLS is how a backend is verified.
type ClientTLS struct {
	// ServerName is sent and must be what the certificate is for, unless
	// SubjectAltNames are given: then one of those.
	ServerName      string
	SubjectAltNames []string
	// Roots are the system's where nil.
	Roots *x509.CertPool
	// Certificate is what the gateway presents, or nil.
	Certificate *tls.Certificate
}

// BackendLimits protect a backend. 0 means the process's default.
type BackendLimits struct {
	// MaxConnections and MaxPending bound what one process does to it.
	MaxConnections, MaxPending int
	// ConsecutiveFailures open an endpoint's breaker.
	ConsecutiveFailures int
	// OpenFor is how long it then gets nothing but probes.
	OpenFor time.Duration
}
