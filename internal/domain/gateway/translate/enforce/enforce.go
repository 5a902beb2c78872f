package enforce

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Cluster is what is known of the cluster's own issuer.
type Cluster struct {
	// Issuer is the claim iss of its tokens.
	Issuer string
	// Audience is what its tokens are for, unless a policy says otherwise.
	Audience string
}

// Authorization is an AuthorizationPolicy. The mistakes say which issuers were left
// out, and why.
func Authorization(policy *v1alpha1.AuthorizationPolicy, cluster Cluster) (made *gateway.Authorization, mistakes []string) {
	spec := &policy.Spec
	made = &gateway.Authorization{
		Name: policy.Namespace + "/" + policy.Name, ClientCertificates: spec.ClientCertificates == "Accept",
		Anonymous: spec.Anonymous == "Allow", RequireTenant: spec.Tenant != "Optional",
		PassToken: spec.TokenToBackend == "Passed",
	}
	if spec.APIKeys != nil {
		made.APIKeys, made.APIKeyHeader = true, cmp.Or(spec.APIKeys.Header, "x-api-key")
		made.PassAPIKey = spec.APIKeys.ToBackend == "Passed"
	}
	if len(spec.Issuers) == 0 && spec.APIKeys == nil && !made.ClientCertificates {
		made.Issuers = []gateway.Issuer{issuer(&v1alpha1.TokenIssuer{Type: "Cluster"}, cluster)}
	}
	for i := range spec.Issuers {
		if wrong := mistake(&spec.Issuers[i]); wrong != "" {
			mistakes = append(mistakes, fmt.Sprintf("spec.issuers[%d]: %s", i, wrong))
			continue
		}
		made.Issuers = append(made.Issuers, issuer(&spec.Issuers[i], cluster))
	}
	for _, rule := range spec.Rules {
		added := gateway.AuthorizationRule{Tenants: slices.Clone(rule.Tenants), Methods: slices.Clone(rule.Methods)}
		for _, claim := range rule.Claims {
			added.Claims = append(added.Claims, gateway.ClaimMatch{Path: claim.Path, Values: slices.Clone(claim.Values)})
		}
		made.Rules = append(made.Rules, added)
	}
	return made, mistakes
}

// mistake is what keeps an issuer's keys from being known, or nothing.
func mistake(issuer *v1alpha1.TokenIssuer) string {
	if issuer.JWKS == nil {
		return ""
	}
	if text := issuer.JWKS.Inline; text != "" {
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) == 0 {
			return "jwks.inline is no JSON Web Key Set with keys: its tokens are refused"
		}
	}
	if text := issuer.JWKS.CABundle; text != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(text)) {
		return "jwks.caBundle has no certificate, PEM: its tokens are refused"
	}
	return ""
}

func issuer(spec *v1alpha1.TokenIssuer, cluster Cluster) gateway.Issuer {
	made := gateway.Issuer{
		URL: spec.URL, Audiences: slices.Clone(spec.Audiences), Algorithms: slices.Clone(spec.Algorithms),
		TenantClaim: spec.TenantClaim, Groups: spec.GroupsClaim, GroupsPrefix: spec.GroupsPrefix,
	}
	if spec.Type == "Cluster" {
		made.Cluster, made.URL = true, cluster.Issuer
		if len(made.Audiences) == 0 {
			made.Audiences = []string{cluster.Audience}
		}
	}
	if spec.MaxStale != nil {
		made.MaxStale = spec.MaxStale.Duration
	}
	if spec.JWKS != nil {
		made.JWKS = spec.JWKS.URI
		if spec.JWKS.Inline != "" {
			made.Inline = []byte(spec.JWKS.Inline)
		}
		if spec.JWKS.CABundle != "" {
			made.CABundle = []byte(spec.JWKS.CABundle)
		}
	}
	return made
}

var units = map[v1alpha1.LimitUnit]time.Duration{
	v1alpha1.UnitSecond: time.Second, v1alpha1.UnitMinute: time.Minute,
	v1alpha1.UnitHour: time.Hour, v1alpha1.UnitDay: 24 * time.Hour,
}

// RateLimit is a RateLimitPolicy.
func RateLimit(policy *v1alpha1.RateLimitPolicy) *gateway.RateLimit {
	spec := &policy.Spec
	made := &gateway.RateLimit{
		Name: policy.Namespace + "/" + policy.Name, Requests: spec.Requests, Burst: spec.Burst, Claim: spec.Claim,
		Unit: cmp.Or(units[spec.Unit], time.Minute), Scope: cmp.Or(gateway.LimitScope(spec.Scope), gateway.PerTenant),
		Failure: cmp.Or(gateway.FailureMode(spec.FailureMode), gateway.FailLocal),
	}
	for _, override := range spec.Overrides {
		if made.Overrides == nil {
			made.Overrides = map[string]int64{}
		}
		made.Overrides[override.Tenant] = override.Requests
	}
	return made
}

// Lifecycle is a LifecyclePolicy.
func Lifecycle(policy *v1alpha1.LifecyclePolicy) *gateway.Lifecycle {
	spec := &policy.Spec
	made := &gateway.Lifecycle{
		Name: policy.Namespace + "/" + policy.Name, API: spec.API, Version: spec.Version, Stage: spec.Stage, Flag: spec.Flag,
		Successor: spec.Successor, Documentation: spec.Documentation,
	}
	if spec.Deprecated != nil {
		made.Deprecated = spec.Deprecated.Time
	}
	if spec.Sunset != nil {
		made.Sunset = spec.Sunset.Time
	}
	return made
}
