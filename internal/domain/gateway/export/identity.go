package export

import (
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// The headers by which backends know who calls.
const (
	headerTenant  = "x-roadbed-tenant"
	headerSubject = "x-roadbed-subject"
	headerClient  = "x-roadbed-client"
)

// clusterAudience is what the cluster's own tokens are for.
const clusterAudience = "platform-api"

// issuers are those whose tokens a policy takes, with defaults filled in.
func (x *export) issuers(policy *v1alpha1.AuthorizationPolicy) []v1alpha1.TokenIssuer {
	spec := policy.Spec
	given := spec.Issuers
	if len(given) == 0 && spec.APIKeys == nil && spec.ClientCertificates != "Accept" {
		given = []v1alpha1.TokenIssuer{{Type: "Cluster"}}
	}
	all := make([]v1alpha1.TokenIssuer, len(given))
	for i, issuer := range given {
		if issuer.Type == "Cluster" {
			issuer.URL = x.Cluster.URL
			if x.Cluster.JWKS != "" {
				issuer.JWKS = &v1alpha1.KeySet{Inline: x.Cluster.JWKS}
			}
			if len(issuer.Audiences) == 0 {
				issuer.Audiences = []string{clusterAudience}
			}
		}
		all[i] = issuer
	}
	return all
}

// keysOnly says that a policy takes nothing but API keys.
func (x *export) keysOnly(policy *v1alpha1.AuthorizationPolicy) bool {
	return policy.Spec.APIKeys != nil && len(x.issuers(policy)) == 0
}

// anonymous says that requests without a credential pass.
func anonymous(policy *v1alpha1.AuthorizationPolicy) bool { return policy.Spec.Anonymous == "Allow" }

// needsTenant says that callers have to belong to a tenant.
func needsTenant(policy *v1alpha1.AuthorizationPolicy) bool { return policy.Spec.Tenant != "Optional" }

// elements takes a claim's path apart; "kubernetes.io" is one element.
func elements(path string) []string {
	if rest, ok := strings.CutPrefix(path, "kubernetes.io."); ok {
		return append([]string{"kubernetes.io"}, strings.Split(rest, ".")...)
	}
	return strings.Split(path, ".")
}

// dotted says that a claim's path has an element with a dot in it.
func dotted(path string) bool { return strings.HasPrefix(path, "kubernetes.io.") }

// checkCredentials notes what other gateways do not do with credentials.
func (x *export) checkCredentials(policy *v1alpha1.AuthorizationPolicy) {
	name, spec := title(policy), policy.Spec
	issuers := x.issuers(policy)
	if spec.ClientCertificates == "Accept" {
		x.lose(name, "spec.clientCertificates", Closed, "a client certificate is no identity there: callers that have nothing else are refused",
			"give them tokens")
	}
	if spec.APIKeys != nil && len(issuers) > 0 {
		x.lose(name, "spec.apiKeys", Closed, "a rule takes either tokens or keys there: it takes tokens, and callers with keys are refused",
			"give them tokens, or a route of their own with a policy that has apiKeys alone")
	}
	if len(issuers) > 0 && spec.TokenToBackend != "Passed" {
		x.lose(name, "spec.tokenToBackend", Open, "backends get the tokens of their callers, and could call other APIs with them", "give each backend's callers tokens of an audience of its own")
	}
	for i, issuer := range issuers {
		field := fmt.Sprintf("spec.issuers[%d]", i)
		if len(issuer.Algorithms) > 0 {
			x.lose(name, field+".algorithms", Open, "every algorithm that goes with a published key is taken", "publish keys of these algorithms alone")
		}
		if issuer.GroupsClaim != "" {
			x.lose(name, field+".groupsClaim", Missing, "a person's groups are not told to the backend", "read them from the token")
		}
		x.lose(name, field+".maxStale", Closed, "how long keys outlive an issuer that is out of reach is for the other gateway to say", "keep the issuer as available as the gateway")
		if issuer.Type == "Cluster" {
			x.checkCluster(name, field, policy)
		}
	}
}

// checkCluster notes what other gateways do not know of the cluster's own tokens.
func (x *export) checkCluster(name, field string, policy *v1alpha1.AuthorizationPolicy) {
	if x.Cluster.JWKS != "" {
		x.lose(name, field+".jwks", Closed, "the cluster's keys are written into the policy, and tokens of a new key are refused", "export again before the cluster's keys change")
	} else {
		x.lose(name, field+".jwks", Closed, "the API server shows its keys only to those it knows, with a certificate of its own authority",
			"export from the live cluster or give its keys, or let system:unauthenticated read them and the other gateway trust the authority")
	}
	if needsTenant(policy) {
		x.lose(name, "spec.tenant", Open, "a service account of a namespace that belongs to no tenant passes", "add a rule that names what tells tenants apart in the token, or keep such accounts from making tokens for this audience")
	}
}

// limitKey is by what callers are told apart for a limit.
type limitKey struct {
	// header has the value; empty means that all callers share one budget.
	header string
	// claim is where the value comes from, for a claim's header.
	claim string
}

// key chooses by what a limit tells the callers of a rule apart. It says false when
// nothing does.
func (x *export) key(limit *v1alpha1.RateLimitPolicy, rule *rule) (limitKey, bool) {
	name := title(limit)
	if limit.Spec.Scope == "Gateway" || len(rule.auth) == 0 {
		return limitKey{}, true
	}
	policy := rule.auth[0]
	switch limit.Spec.Scope {
	case "BusinessUnit":
		x.lose(name, "spec.scope", Open, "no token says the business unit of its caller: the limit is left out", "limit by tenant, or by a claim that has the business unit")
		return limitKey{}, false
	case "Claim":
		if x.keysOnly(policy) || dotted(limit.Spec.Claim) {
			x.lose(name, "spec.claim", Open, "the claim cannot be read there: the limit is left out", "limit by tenant or client")
			return limitKey{}, false
		}
		return limitKey{header: "x-roadbed-claim-" + headerName(limit.Spec.Claim), claim: limit.Spec.Claim}, true
	case "Client":
		if x.keysOnly(policy) {
			return limitKey{header: headerClient}, true
		}
		return limitKey{header: headerSubject}, true
	}
	return x.tenantKey(name, policy), true
}

func (x *export) tenantKey(name string, policy *v1alpha1.AuthorizationPolicy) limitKey {
	if x.keysOnly(policy) {
		x.lose(name, "spec.scope", Open, "each API key has a budget of its own, not each tenant", "give each tenant one Subscription")
		return limitKey{header: headerClient}
	}
	for _, issuer := range x.issuers(policy) {
		if issuer.TenantClaim == "" || dotted(issuer.TenantClaim) {
			x.lose(name, "spec.scope", Open, "each service account has a budget of its own, not each tenant: the tenant follows from the token's namespace, which cannot be looked up there",
				"take tokens of an issuer that puts the tenant into a claim")
			return limitKey{header: headerSubject}
		}
	}
	return limitKey{header: headerTenant}
}

// checkNobody notes callers that have nothing to be told apart by.
func (x *export) checkNobody(limit *v1alpha1.RateLimitPolicy, rule *rule, key limitKey) {
	if key.header == "" {
		return
	}
	if anonymous(rule.auth[0]) || key.claim != "" || key.header == headerTenant && !needsTenant(rule.auth[0]) {
		x.lose(title(limit), "spec.scope", Open, "callers without what the limit tells apart share no budget: they have no limit", "let no caller pass without it")
	}
}

// headerName makes a part of a header's name of a claim's path.
func headerName(path string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, path)
}

// checkLimit notes what other gateways do not do with any limit.
func (x *export) checkLimit(limit *v1alpha1.RateLimitPolicy) {
	name, spec := title(limit), limit.Spec
	if spec.Burst != 0 && spec.Burst != spec.Requests {
		x.lose(name, "spec.burst", Open, "there is no burst: the whole of the unit's requests may come at once", "choose a smaller unit")
	}
	x.lose(name, "", Open, "requests are counted in fixed windows: up to twice the limit may pass around the end of one", "leave backends room for it")
	x.lose(name, "", Missing, "answers carry the gateway's own X-RateLimit- headers and not RateLimit and RateLimit-Policy", "read those in clients")
}
