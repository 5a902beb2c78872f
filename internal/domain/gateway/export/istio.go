package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// istioVersion is the API version of Istio's policies.
const istioVersion = "security.istio.io/v1"

// istioWays bounds the ways in which rules can be broken that one policy lists.
const istioWays = 64

// istio writes Istio's policies. They hang on Gateways, not on routes: a
// RequestAuthentication verifies whatever token comes, and for each guarded rule an
// AuthorizationPolicy denies, on the rule's own hosts and paths, what its policy
// does not let pass. Denying is safe where the paths of rules overlap: then both
// policies have to let a request pass.
func (x *export) istio() {
	for _, gateway := range x.gatewayKeys() {
		x.istioTokens(gateway)
	}
	for _, rule := range x.open() {
		for _, limit := range rule.limits {
			x.lose(title(limit), "", Open, "Istio has no object for limits: callers may send as many requests as they like", "run Envoy's rate limit service and an EnvoyFilter for it")
		}
		for _, policy := range rule.auth {
			x.istioRule(rule, policy)
		}
	}
	x.istioOverlaps()
	x.istioForged()
}

// istioTokens writes the RequestAuthentication of a Gateway.
func (x *export) istioTokens(gateway types.NamespacedName) {
	var tokens []map[string]any
	seen, done := map[string]map[string]any{}, map[string]bool{}
	for _, rule := range x.open() {
		if !slices.Contains(rule.route.gateways, gateway) {
			continue
		}
		for _, policy := range rule.auth {
			if done[title(policy)] {
				continue
			}
			done[title(policy)] = true
			tokens = append(tokens, x.istioIssuers(policy, seen)...)
		}
	}
	if len(tokens) == 0 {
		return
	}
	x.lose("Gateway "+gateway.String(), "", Closed, "tokens are verified for the whole Gateway: rules that ask for none refuse tokens of other issuers", "send them no tokens, or give them a Gateway of their own")
	x.policy(istioVersion, "RequestAuthentication", gateway.Namespace, gateway.Name, map[string]any{"spec": map[string]any{
		"targetRefs": istioTarget(gateway), "jwtRules": tokens,
	}})
}

func istioTarget(gateway types.NamespacedName) []map[string]any {
	return []map[string]any{{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.Name}}
}

// istioIssuers are the issuers of a policy that the Gateway does not know yet; to
// those that it knows, audiences are added.
func (x *export) istioIssuers(policy *v1alpha1.AuthorizationPolicy, seen map[string]map[string]any) (tokens []map[string]any) {
	x.checkCredentials(policy)
	for i, issuer := range x.issuers(policy) {
		field := fmt.Sprintf("spec.issuers[%d].jwks", i)
		if before := seen[issuer.URL]; before != nil {
			audiences, _ := before["audiences"].([]string)
			before["audiences"] = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(audiences), issuer.Audiences...))))
			if issuer.JWKS != nil && issuer.Type != "Cluster" {
				x.lose(title(policy), field, Closed, "another policy of the Gateway says already where the issuer's keys are, and its word holds", "give the issuer the same jwks everywhere")
			}
			continue
		}
		headers := []map[string]any{{"claim": "sub", "header": headerSubject}}
		if issuer.TenantClaim != "" && !dotted(issuer.TenantClaim) {
			headers = append(headers, map[string]any{"claim": issuer.TenantClaim, "header": headerTenant})
		}
		token := map[string]any{
			"issuer": issuer.URL, "audiences": issuer.Audiences, "forwardOriginalToken": true, "outputClaimToHeaders": headers,
			"fromHeaders": []map[string]any{{"name": "Authorization", "prefix": "Bearer "}},
		}
		if issuer.JWKS != nil && issuer.JWKS.Inline != "" {
			token["jwks"] = issuer.JWKS.Inline
		} else if issuer.JWKS != nil && issuer.JWKS.URI != "" {
			token["jwksUri"] = issuer.JWKS.URI
		}
		if issuer.JWKS != nil && issuer.JWKS.CABundle != "" {
			x.lose(title(policy), field+".caBundle", Closed, "the key server is verified with istiod's certificates, and its tokens are refused if that fails", "give istiod the certificates as extra roots")
		}
		seen[issuer.URL] = token
		tokens = append(tokens, token)
	}
	return tokens
}

// istioRule writes what one policy denies of one rule, for each of its Gateways.
func (x *export) istioRule(rule *rule, policy *v1alpha1.AuthorizationPolicy) {
	if rule.route.orphan || len(rule.route.gateways) == 0 {
		rule.close()
		x.lose(rule.route.title(), "spec.parentRefs", Closed, "Istio's policies hang on Gateways, and the route's is not known: its rules answer 500", "export the Gateway too")
		return
	}
	ways, ok := x.istioWays(rule, policy)
	if !ok {
		rule.close()
		return
	}
	to := x.istioOperation(rule)
	rules := make([]map[string]any, len(ways))
	for i, way := range ways {
		rules[i] = maps.Clone(way)
		rules[i]["to"] = istioTo(to, way["to"])
	}
	for _, gateway := range rule.route.gateways {
		if gateway.Namespace != rule.route.namespace() {
			x.lose(rule.route.title(), "", Missing, "its Istio policies are in the namespace of its Gateway "+gateway.String(), "let that namespace's owners know")
		}
		x.policy(istioVersion, "AuthorizationPolicy", gateway.Namespace, fmt.Sprintf("%s-%s-%d", rule.route.name(), policy.Name, rule.index+1), map[string]any{"spec": map[string]any{
			"targetRefs": istioTarget(gateway), "action": "DENY", "rules": rules,
		}})
	}
}

// istioTo puts the methods that a way is about into the operations of a rule.
func istioTo(operations []map[string]any, methods any) []map[string]any {
	if methods == nil {
		return operations
	}
	var to []map[string]any
	for _, each := range operations {
		operation, _ := each["operation"].(map[string]any)
		operation = maps.Clone(operation)
		operation["notMethods"] = methods
		to = append(to, map[string]any{"operation": operation})
	}
	return to
}

// istioWays are the ways in which a request breaks a policy: each is denied. The
// methods of a way stand under "to". It says false when nobody would pass.
func (x *export) istioWays(rule *rule, policy *v1alpha1.AuthorizationPolicy) (ways []map[string]any, ok bool) {
	issuers := x.issuers(policy)
	if len(issuers) == 0 {
		x.lose(title(policy), "", Closed, "Istio checks neither API keys nor client certificates: rules that name the policy answer 500", "take tokens")
		return nil, false
	}
	var principals, audiences []string
	for _, issuer := range issuers {
		principals = append(principals, issuer.URL+"/*")
		audiences = append(audiences, issuer.Audiences...)
	}
	whoever := []map[string]any{}
	if anonymous(policy) {
		whoever = []map[string]any{{"source": map[string]any{"requestPrincipals": []string{"*"}}}}
	}
	if anonymous(policy) {
		ways = append(ways, map[string]any{"from": []map[string]any{{"source": map[string]any{"requestPrincipals": []string{"*"}, "notRequestPrincipals": principals}}}})
	} else {
		ways = append(ways, map[string]any{"from": []map[string]any{{"source": map[string]any{"notRequestPrincipals": principals}}}})
	}
	ways = append(ways, istioWay(whoever, "request.auth.audiences", slices.Compact(slices.Sorted(slices.Values(audiences)))))
	if len(issuers) > 1 {
		x.lose(title(policy), "spec.issuers", Open, "a token of one issuer passes with an audience of another", "give the issuers the same audiences")
	}
	claim, same := istioTenantClaim(issuers)
	if needsTenant(policy) && same {
		ways = append(ways, istioWay(whoever, istioClaim(claim), []string{"*"}))
	}
	broken, ok := x.istioBroken(rule, policy, claim, same, whoever)
	return append(ways, broken...), ok
}

func istioWay(from []map[string]any, key string, not []string) map[string]any {
	way := map[string]any{"when": []map[string]any{{"key": key, "notValues": not}}}
	if len(from) > 0 {
		way["from"] = from
	}
	return way
}

// istioTenantClaim is the claim with the tenant, when all issuers have the same.
func istioTenantClaim(issuers []v1alpha1.TokenIssuer) (claim string, ok bool) {
	for _, issuer := range issuers {
		if issuer.TenantClaim == "" || claim != "" && claim != issuer.TenantClaim {
			return "", false
		}
		claim = issuer.TenantClaim
	}
	return claim, true
}

func istioClaim(path string) string {
	return "request.auth.claims[" + strings.Join(elements(path), "][") + "]"
}

// istioBroken are the ways in which a request breaks every rule of a policy: one
// demand of each rule is not met.
func (x *export) istioBroken(rule *rule, policy *v1alpha1.AuthorizationPolicy, tenant string, known bool, whoever []map[string]any) ([]map[string]any, bool) {
	ways := []map[string]any{nil}
	for i, each := range policy.Spec.Rules {
		if len(each.Tenants) > 0 && !known {
			x.lose(title(policy), fmt.Sprintf("spec.rules[%d].tenants", i), Closed, "the tokens do not all say the tenant in one claim: the rule lets nobody pass", "set the same tenantClaim for all issuers, or match another claim")
			continue
		}
		demands := istioDemands(each, tenant)
		if len(demands) == 0 {
			return nil, true // the rule lets every identity pass
		}
		ways = istioJoin(ways, demands)
		if len(ways) > istioWays {
			x.lose(rule.route.title(), rule.field(), Closed, title(policy)+" has more rules than Istio's can say: the rule answers 500", "split the policy into rules that demand fewer things")
			return nil, false
		}
	}
	if len(policy.Spec.Rules) == 0 {
		return nil, true
	}
	if len(ways) == 1 && ways[0] == nil { // no rule lets anybody pass
		return nil, false
	}
	for _, way := range ways {
		if len(whoever) > 0 {
			way["from"] = whoever
		}
	}
	return ways, true
}

// istioDemands are the demands of one rule, each as what breaks it.
func istioDemands(rule v1alpha1.AuthorizationRule, tenant string) (demands []map[string]any) {
	if len(rule.Tenants) > 0 {
		demands = append(demands, istioWay(nil, istioClaim(tenant), rule.Tenants))
	}
	for _, claim := range rule.Claims {
		demands = append(demands, istioWay(nil, istioClaim(claim.Path), claim.Values))
	}
	if len(rule.Methods) > 0 {
		demands = append(demands, map[string]any{"to": rule.Methods})
	}
	return demands
}

// istioJoin breaks one demand more in each way.
func istioJoin(ways, demands []map[string]any) (all []map[string]any) {
	for _, way := range ways {
		for _, demand := range demands {
			joined := map[string]any{}
			before, _ := way["when"].([]map[string]any)
			more, _ := demand["when"].([]map[string]any)
			if when := append(slices.Clone(before), more...); len(when) > 0 {
				joined["when"] = when
			}
			methods, _ := way["to"].([]string)
			added, _ := demand["to"].([]string)
			if not := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(methods), added...)))); len(not) > 0 {
				joined["to"] = not
			}
			all = append(all, joined)
		}
	}
	return all
}

// istioOperation are the hosts, paths and methods of a rule.
func (x *export) istioOperation(rule *rule) []map[string]any {
	hosts := istioHosts(rule.route.hostnames())
	if hosts == nil && len(rule.route.hostnames()) > 0 {
		x.lose(rule.route.title(), "spec.hostnames", Closed, "a policy cannot tell a wildcard host with a port from others: it holds for all hosts of the Gateway", "give the route a Gateway of its own")
	}
	paths, exact := rule.paths()
	if !exact {
		x.lose(rule.route.title(), rule.field()+".matches", Closed, "what else than path and method matches is not looked at: the policy holds for all requests to these paths", "give the rule paths of its own")
	}
	var to []map[string]any
	for _, path := range paths {
		operation := map[string]any{"paths": path.paths}
		if len(hosts) > 0 {
			operation["hosts"] = hosts
		}
		if path.method != "" {
			operation["methods"] = []string{path.method}
		}
		to = append(to, map[string]any{"operation": operation})
	}
	return to
}

// istioHosts are host names with and without a port; none means all.
func istioHosts(names []gatewayv1.Hostname) (hosts []string) {
	for _, name := range names {
		if strings.HasPrefix(string(name), "*") {
			return nil
		}
		hosts = append(hosts, string(name), string(name)+":*")
	}
	return hosts
}
