package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// envoyVersion is the API version of Envoy Gateway's policies.
const envoyVersion = "gateway.envoyproxy.io/v1alpha1"

// What Envoy Gateway's definitions allow.
const (
	envoyAudiences = 8
	envoyText      = 253
	envoySelectors = 127
	envoyClaims    = 4
)

// group are rules that one policy guards.
type group struct {
	key   string
	rules []*rule
}

// groups puts the open rules with the same key together; an empty key is left out.
func (x *export) groups(key func(*rule) string) (all []*group) {
	byKey := map[string]*group{}
	for _, rule := range x.open() {
		k := key(rule)
		if k == "" {
			continue
		}
		if byKey[k] == nil {
			byKey[k] = &group{key: k}
			all = append(all, byKey[k])
		}
		byKey[k].rules = append(byKey[k].rules, rule)
	}
	return all
}

// targets are the references to the rules: to the whole route where all of it is
// in the group, else to the rules by name.
func (g *group) targets() (refs []map[string]any) {
	done := map[*route]bool{}
	for _, rule := range g.rules {
		ref := map[string]any{"group": "gateway.networking.k8s.io", "kind": rule.route.kind(), "name": rule.route.name()}
		if g.whole(rule.route) {
			if done[rule.route] {
				continue
			}
			done[rule.route] = true
		} else {
			ref["sectionName"] = rule.section()
		}
		refs = append(refs, ref)
	}
	return refs
}

func (g *group) whole(r *route) bool {
	return !slices.ContainsFunc(r.rules, func(rule *rule) bool { return !rule.closed && !slices.Contains(g.rules, rule) })
}

// envoy writes the policies of Envoy Gateway.
func (x *export) envoy() {
	x.oneAuthorization()
	for _, g := range x.groups(authorizationKey) {
		x.envoySecurity(g)
	}
	x.envoyLimits()
	for _, gateway := range x.gatewayKeys() {
		x.policy(envoyVersion, "ClientTrafficPolicy", gateway.Namespace, gateway.Name, map[string]any{"spec": map[string]any{
			"targetRefs": []map[string]any{{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.Name}},
			"headers": map[string]any{"earlyRequestHeaders": map[string]any{"removeOnMatch": []map[string]any{
				{"type": "Prefix", "value": "impersonate-"}, {"type": "Prefix", "value": "x-roadbed-"},
			}}},
		}})
	}
}

func authorizationKey(r *rule) string {
	if len(r.auth) == 0 {
		return ""
	}
	return r.auth[0].Namespace + "/" + r.auth[0].Name
}

// oneAuthorization closes rules that more than one AuthorizationPolicy guards, for
// gateways that know one only.
func (x *export) oneAuthorization() {
	for _, rule := range x.open() {
		if len(rule.auth) > 1 {
			rule.close()
			x.lose(rule.route.title(), rule.field(), Closed, "the rule names more than one AuthorizationPolicy, of which one alone can be enforced: it answers 500",
				"put what both demand into one policy")
		}
	}
}

// shut closes all rules of a group.
func (g *group) shut() {
	for _, rule := range g.rules {
		rule.close()
	}
}

// envoySecurity writes the SecurityPolicy for an AuthorizationPolicy.
func (x *export) envoySecurity(g *group) {
	policy := g.rules[0].auth[0]
	x.checkCredentials(policy)
	if x.keysOnly(policy) {
		x.envoyKeys(g, policy)
		return
	}
	issuers := x.issuers(policy)
	var providers []map[string]any
	names := make([]string, len(issuers))
	for i, issuer := range issuers {
		provider := x.envoyProvider(policy, i, issuer, x.limitClaims(g.rules))
		if provider == nil {
			continue
		}
		names[i] = fmt.Sprintf("issuer-%d", i+1)
		provider["name"] = names[i]
		providers = append(providers, provider)
	}
	if len(providers) == 0 {
		g.shut()
		x.lose(title(policy), "", Closed, "no caller can be checked, and its rules answer 500", "see what else is said of this policy")
		return
	}
	jwt := map[string]any{"providers": providers}
	if anonymous(policy) {
		jwt["optional"] = true
	}
	spec := map[string]any{"targetRefs": g.targets(), "jwt": jwt}
	if rules, checked := x.envoyRules(policy, issuers, names); checked {
		authorization := map[string]any{"defaultAction": "Deny"}
		if len(rules) > 0 {
			authorization["rules"] = rules
		}
		spec["authorization"] = authorization
	}
	x.policy(envoyVersion, "SecurityPolicy", policy.Namespace, policy.Name, map[string]any{"spec": spec})
}

// limitClaims are the claims that the limits of rules tell callers apart by.
func (x *export) limitClaims(rules []*rule) (claims []string) {
	for _, rule := range rules {
		for _, limit := range rule.limits {
			if limit.Spec.Scope == "Claim" && !dotted(limit.Spec.Claim) && !slices.Contains(claims, limit.Spec.Claim) {
				claims = append(claims, limit.Spec.Claim)
			}
		}
	}
	slices.Sort(claims)
	return claims
}

// envoyProvider is an issuer as Envoy Gateway has it, nil where it cannot be.
func (x *export) envoyProvider(policy *v1alpha1.AuthorizationPolicy, i int, issuer v1alpha1.TokenIssuer, claims []string) map[string]any {
	name, field := title(policy), fmt.Sprintf("spec.issuers[%d]", i)
	keys := x.envoyJWKS(name, field, issuer)
	if keys == nil {
		return nil
	}
	if len(issuer.URL) > envoyText {
		x.lose(name, field+".url", Closed, fmt.Sprintf("an issuer has at most %d characters: its tokens are refused", envoyText), "use a shorter one")
		return nil
	}
	audiences := issuer.Audiences
	if len(audiences) > envoyAudiences {
		x.lose(name, field+".audiences", Closed, fmt.Sprintf("only the first %d audiences are taken", envoyAudiences), "name fewer")
		audiences = audiences[:envoyAudiences]
	}
	headers := []map[string]any{{"claim": "sub", "header": headerSubject}}
	if issuer.TenantClaim != "" && !dotted(issuer.TenantClaim) {
		headers = append(headers, map[string]any{"claim": issuer.TenantClaim, "header": headerTenant})
	}
	for _, claim := range claims {
		headers = append(headers, map[string]any{"claim": claim, "header": "x-roadbed-claim-" + headerName(claim)})
	}
	provider := map[string]any{
		"issuer": issuer.URL, "audiences": audiences, "claimToHeaders": headers,
		"extractFrom": map[string]any{"headers": []map[string]any{{"name": "Authorization", "valuePrefix": "Bearer "}}},
	}
	maps.Copy(provider, keys)
	return provider
}

// envoyJWKS says where the issuer's keys are, nil where that is not known.
func (x *export) envoyJWKS(name, field string, issuer v1alpha1.TokenIssuer) map[string]any {
	keys := issuer.JWKS
	if keys != nil && keys.CABundle != "" {
		x.lose(name, field+".jwks.caBundle", Closed, "the key server is verified with the system's certificates, and its tokens are refused if that fails",
			"make a Backend and a BackendTLSPolicy for the key server and name it in remoteJWKS.backendRefs")
	}
	switch {
	case keys != nil && keys.Inline != "":
		return map[string]any{"localJWKS": map[string]any{"type": "Inline", "inline": keys.Inline}}
	case keys != nil && keys.URI != "" && len(keys.URI) <= envoyText:
		return map[string]any{"remoteJWKS": map[string]any{"uri": keys.URI}}
	case issuer.Type == "Cluster" && len(issuer.URL)+len("/openid/v1/jwks") <= envoyText:
		return map[string]any{"remoteJWKS": map[string]any{"uri": strings.TrimSuffix(issuer.URL, "/") + "/openid/v1/jwks"}}
	}
	x.lose(name, field+".jwks", Closed, "the issuer's keys are not looked up by its discovery document: its tokens are refused",
		fmt.Sprintf("set jwks.uri, of at most %d characters", envoyText))
	return nil
}

// envoyRules are the rules of authorization. It says false when every identity
// passes.
func (x *export) envoyRules(policy *v1alpha1.AuthorizationPolicy, issuers []v1alpha1.TokenIssuer, names []string) (rules []map[string]any, checked bool) {
	given := policy.Spec.Rules
	checked = len(given) > 0
	if len(given) == 0 {
		given = []v1alpha1.AuthorizationRule{{}}
	}
	for i, issuer := range issuers {
		if names[i] == "" {
			continue
		}
		checked = checked || needsTenant(policy) && issuer.TenantClaim != ""
		for j, rule := range given {
			rules = append(rules, x.envoyRule(policy, fmt.Sprintf("spec.rules[%d]", j), rule, issuer, names[i])...)
		}
	}
	if anonymous(policy) {
		rules = append(rules, map[string]any{"action": "Allow", "cel": "!('authorization' in request.headers)"})
	}
	return rules, checked
}

// envoyRule is a rule for the tokens of one issuer: none where it cannot be checked.
func (x *export) envoyRule(policy *v1alpha1.AuthorizationPolicy, field string, rule v1alpha1.AuthorizationRule, issuer v1alpha1.TokenIssuer, provider string) (rules []map[string]any) {
	unknown := issuer.TenantClaim == "" || dotted(issuer.TenantClaim)
	if len(rule.Tenants) > 0 && unknown {
		x.lose(title(policy), field+".tenants", Closed, fmt.Sprintf("no claim of tokens of %s says the tenant: the rule lets none of them pass", issuer.URL),
			"set tenantClaim, or match another claim")
		return nil
	}
	if len(rule.Claims) > envoyClaims || slices.ContainsFunc(rule.Claims, func(c v1alpha1.ClaimRequirement) bool { return dotted(c.Path) }) {
		x.lose(title(policy), field+".claims", Closed, fmt.Sprintf("a claim has a name with a dot in it, or there are more than %d: the rule lets nobody pass", envoyClaims),
			"match other claims")
		return nil
	}
	for _, claims := range envoyAlternatives(rule.Claims, issuer.URL) {
		principal := map[string]any{"jwt": map[string]any{"provider": provider, "claims": claims}}
		made := map[string]any{"action": "Allow", "principal": principal}
		if len(rule.Tenants) > 0 {
			principal["headers"] = []map[string]any{{"name": headerTenant, "values": rule.Tenants}}
		} else if needsTenant(policy) && !unknown {
			made["cel"] = "'" + headerTenant + "' in request.headers"
		}
		if len(rule.Methods) > 0 {
			made["operation"] = map[string]any{"methods": rule.Methods}
		}
		rules = append(rules, made)
	}
	return rules
}

// envoyAlternatives are the claims as they have to be: each may be the value or a
// list that has it, and Envoy Gateway has to be told which.
func envoyAlternatives(claims []v1alpha1.ClaimRequirement, issuer string) [][]map[string]any {
	if len(claims) == 0 {
		return [][]map[string]any{{{"name": "iss", "values": []string{issuer}}}}
	}
	all := [][]map[string]any{nil}
	for _, claim := range claims {
		var longer [][]map[string]any
		for _, before := range all {
			for _, kind := range []string{"String", "StringArray"} {
				one := map[string]any{"name": claim.Path, "valueType": kind, "values": claim.Values}
				longer = append(longer, append(slices.Clone(before), one))
			}
		}
		all = longer
	}
	return all
}

// envoyKeys writes the SecurityPolicy for a policy that takes API keys alone.
func (x *export) envoyKeys(g *group, policy *v1alpha1.AuthorizationPolicy) {
	if len(policy.Spec.Rules) > 0 || anonymous(policy) {
		g.shut()
		x.lose(title(policy), "spec.rules", Closed, "holders of API keys cannot be told apart, nor can requests without a key pass: its rules answer 500", "take tokens instead")
		return
	}
	secret := policy.Name + "-api-keys"
	x.lose(title(policy), "spec.apiKeys", Closed, fmt.Sprintf("keys are compared as they are, and Roadbed keeps their hashes alone: Secret %s/%s is not made", policy.Namespace, secret),
		"make it, with the key of each Subscription under a name of its own")
	for _, subscription := range x.Subscriptions {
		x.checkSubscription(subscription)
	}
	x.policy(envoyVersion, "SecurityPolicy", policy.Namespace, policy.Name, map[string]any{"spec": map[string]any{
		"targetRefs": g.targets(),
		"apiKeyAuth": map[string]any{
			"credentialRefs":        []map[string]any{{"name": secret}},
			"extractFrom":           []map[string]any{{"headers": []string{keyHeader(policy)}}},
			"forwardClientIDHeader": headerClient, "sanitize": policy.Spec.APIKeys.ToBackend != "Passed",
		},
	}})
}

func keyHeader(policy *v1alpha1.AuthorizationPolicy) string {
	if policy.Spec.APIKeys.Header != "" {
		return policy.Spec.APIKeys.Header
	}
	return "x-api-key"
}

// checkSubscription notes what other gateways do not know of a key.
func (x *export) checkSubscription(subscription *v1alpha1.Subscription) {
	if len(subscription.Spec.APIs) > 0 {
		x.lose(title(subscription), "spec.apis", Open, "its key is good for every API that takes keys", "give the APIs policies with keys of their own")
	}
	if subscription.Spec.ExpiresAt != nil {
		x.lose(title(subscription), "spec.expiresAt", Open, "its key does not end", "take it out of the gateway's Secret by then")
	}
}
