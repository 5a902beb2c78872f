package gateway

import "time"

// Authorization is an AuthorizationPolicy, ready to decide.
type Authorization struct {
	// Name is "namespace/name".
	Name string
	// Issuers whose tokens are taken.
	Issuers []Issuer
	// PassToken lets the backend have the token, because it checks it itself.
	PassToken bool
	// APIKeys takes the keys of Subscriptions from the header APIKeyHeader,
	// "x-api-key" where empty.
	APIKeys      bool
	APIKeyHeader string
	// PassAPIKey lets the backend have the key, because it checks it itself.
	PassAPIKey bool
	// ClientCertificates takes verified client certificates: the first URI or DNS
	// name of the certificate is the subject, and a SPIFFE ID of a namespace
	// (spiffe://DOMAIN/ns/NAMESPACE/sa/NAME) is a workload of its tenant.
	ClientCertificates bool
	// Anonymous lets requests without any credential pass as nobody. A bad
	// credential is refused all the same.
	Anonymous bool
	// RequireTenant refuses identities that belong to no tenant with 403.
	RequireTenant bool
	// Rules: one of them must hold; none at all means every identity passes.
	Rules []AuthorizationRule
}

// Issuer is whose tokens are taken.
type Issuer struct {
	// URL is what iss must be.
	URL string
	// Audiences: one must be in aud. Never empty.
	Audiences []string
	// JWKS is where the keys are; empty means what the issuer's discovery
	// document says. Inline is the key set itself, where given.
	JWKS   string
	Inline []byte
	// Algorithms are taken, RS256, ES256 and their longer kin and EdDSA where
	// empty; never none and never a shared secret's.
	Algorithms []string
	// TenantClaim is the path of the claim that names the tenant, elements
	// separated by dots: "kubernetes.io" in it is one element where the claims
	// have it. Empty means none, but for the cluster's own issuer, of whose
	// tokens the namespace says which tenant they are of.
	TenantClaim string
	// Groups is the path of the claim with the person's groups, for issuers of
	// people; empty means workloads.
	Groups string
	// GroupsPrefix is put before the name of each of them.
	GroupsPrefix string
	// Cluster marks the cluster's own issuer, whose keys the API server has.
	Cluster bool
	// CABundle verifies the issuer's server, PEM; empty means the system's.
	CABundle []byte
	// MaxStale is how long keys are used while the issuer cannot be reached;
	// 0 means 24 h.
	MaxStale time.Duration
}

// AuthorizationRule is a conjunction.
type AuthorizationRule struct {
	// Tenants, empty for any.
	Tenants []string
	// Methods, empty for any.
	Methods []string
	// Claims must all hold.
	Claims []ClaimMatch
}

// ClaimMatch is one claim: it must be, or contain, one of the values.
type ClaimMatch struct {
	// Path of the claim, elements separated by dots.
	Path   string
	Values []string
}

// LimitScope is what shares one budget.
type LimitScope string

// The scopes of rate limits.
const (
	PerTenant LimitScope = "Tenant"
	PerClient LimitScope = "Client"
	PerClaim  LimitScope = "Claim"
	PerUnit   LimitScope = "BusinessUnit"
	PerRoute  LimitScope = "Gateway"
)

// FailureMode is what happens when the shared store cannot be asked.
type FailureMode string

// The failure modes of limits shared by processes.
const (
	// FailLocal goes on with the process's own share.
	FailLocal FailureMode = "Local"
	// FailOpen lets all pass.
	FailOpen FailureMode = "Open"
	// FailClosed refuses all with 503.
	FailClosed FailureMode = "Closed"
)

// RateLimit is a RateLimitPolicy: Requests per Unit for each that Scope tells
// apart, shared by every route and listener that names it.
type RateLimit struct {
	// Name is "namespace/name".
	Name     string
	Requests int64
	Unit     time.Duration
	// Burst is how many may come at once; 0 means Requests.
	Burst int64
	Scope LimitScope
	// Claim is the path of the claim, for PerClaim.
	Claim string
	// Overrides for single tenants.
	Overrides map[string]int64
	Failure   FailureMode
}

// Lifecycle is where an API's version stands, and what callers are told.
type Lifecycle struct {
	// Name is "namespace/name".
	Name string
	// API and Version as paths have them: "databases", "v1".
	API, Version string
	// Stage is alpha, beta, ga or deprecated.
	Stage string
	// Flag is what a tenant must have switched on; empty for none.
	Flag string
	// Deprecated and Sunset become the Deprecation and Sunset headers; zero
	// means none.
	Deprecated, Sunset time.Time
	// Successor and Documentation become Link headers.
	Successor, Documentation string
}
