package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// kongGroup is the API group of Kong's policies.
const kongGroup = "configuration.konghq.com"

// kongPlugins is the annotation by which a route names its plugins.
const kongPlugins = "konghq.com/plugins"

// kong writes Kong's plugins, one for each policy, and names them in the routes:
// in the annotation where all rules have them, else in the filters of the rules.
func (x *export) kong() {
	x.oneAuthorization()
	plugins := map[*rule][]string{}
	made := map[string]string{}
	for _, rule := range x.open() {
		plugins[rule] = append(plugins[rule], x.kongForged(rule, made))
		if len(rule.auth) > 0 {
			plugins[rule] = append(plugins[rule], x.kongAuthorization(rule, made)...)
		}
		plugins[rule] = append(plugins[rule], x.kongLimit(rule, made)...)
		if rule.route.grpc != nil && rule.life != nil {
			plugins[rule] = append(plugins[rule], x.kongLifecycle(rule, made)...)
		}
	}
	for _, r := range x.routes {
		x.kongAttach(r, plugins)
	}
	x.kongShared()
}

// kongPlugin writes a plugin, unless it was before, and returns its name.
func (x *export) kongPlugin(made map[string]string, namespace, name, plugin string, config map[string]any) string {
	key := namespace + "/" + name + " " + plugin
	if _, ok := made[key]; !ok {
		made[key] = x.policy(kongGroup+"/v1", "KongPlugin", namespace, name, map[string]any{"plugin": plugin, "config": config})
	}
	return made[key]
}

func (x *export) kongForged(rule *rule, made map[string]string) string {
	return x.kongPlugin(made, rule.route.namespace(), "drop-forged-headers", "pre-function", map[string]any{"access": []string{kongForged}})
}

// kongAuthorization is the plugin that checks callers. A rule whose callers cannot
// be checked is closed.
func (x *export) kongAuthorization(rule *rule, made map[string]string) []string {
	policy := rule.auth[0]
	x.checkCredentials(policy)
	var config map[string]any
	var why string
	plugin := "openid-connect"
	switch issuers := x.issuers(policy); {
	case anonymous(policy):
		why = "callers without a credential cannot be told from those with a bad one"
	case x.keysOnly(policy):
		plugin = "key-auth"
		config, why = x.kongKeys(policy)
	case len(issuers) == 0:
		why = "a client certificate is no identity there"
	default:
		config, why = x.kongTokens(policy, issuers)
	}
	if why != "" {
		rule.close()
		x.lose(title(policy), "", Closed, why+": rules that name the policy answer 500", "give the rules a simpler policy")
		return nil
	}
	return []string{x.kongPlugin(made, policy.Namespace, policy.Name, plugin, config)}
}

// kongTokens is the configuration of Kong's plugin for tokens, or why there can be
// none.
func (x *export) kongTokens(policy *v1alpha1.AuthorizationPolicy, issuers []v1alpha1.TokenIssuer) (config map[string]any, why string) {
	name, issuer := title(policy), issuers[0]
	if slices.ContainsFunc(issuer.Audiences, func(audience string) bool { return strings.Contains(audience, " ") }) {
		return nil, "an audience with a space in it means several there"
	}
	if len(issuers) > 1 {
		x.lose(name, "spec.issuers", Closed, "tokens of the first issuer alone are taken", "give each issuer a policy and a route of its own")
	}
	if issuer.JWKS != nil && (issuer.JWKS.Inline != "" || issuer.JWKS.CABundle != "") {
		x.lose(name, "spec.issuers[0].jwks", Closed, "keys are fetched, and verified with the certificates that Kong trusts", "let Kong reach and trust the issuer itself, or give jwks.uri")
	}
	x.lose(name, "spec.issuers", Closed, "tokens are checked by the plugin openid-connect, which needs a licence of Kong's: without it the routes are not served", "run Kong Gateway Enterprise or Konnect")
	config = map[string]any{
		"issuer": issuer.URL, "auth_methods": []string{"bearer"}, "bearer_token_param_type": []string{"header"},
		"audience_required": issuer.Audiences, "issuers_allowed": []string{issuer.URL},
		"credential_claim": kongTenantClaim(issuer), "verify_parameters": false,
		"upstream_headers_claims": []string{"sub"}, "upstream_headers_names": []string{headerSubject},
	}
	if issuer.JWKS != nil && issuer.JWKS.URI != "" {
		config["using_pseudo_issuer"], config["extra_jwks_uris"] = true, []string{issuer.JWKS.URI}
	}
	if issuer.TenantClaim != "" && len(elements(issuer.TenantClaim)) == 1 {
		config["upstream_headers_claims"] = []string{"sub", issuer.TenantClaim}
		config["upstream_headers_names"] = []string{headerSubject, headerTenant}
	}
	return config, x.kongDemands(policy, issuer, config)
}

// kongTenantClaim is where a token says whose it is: of the cluster's own tokens,
// the namespace.
func kongTenantClaim(issuer v1alpha1.TokenIssuer) []string {
	if issuer.TenantClaim != "" {
		return elements(issuer.TenantClaim)
	}
	return []string{"kubernetes.io", "namespace"}
}

// kongDemands puts the rules of a policy into the plugin's configuration: one rule,
// with tenants and one claim.
func (x *export) kongDemands(policy *v1alpha1.AuthorizationPolicy, issuer v1alpha1.TokenIssuer, config map[string]any) (why string) {
	spec := policy.Spec
	if len(spec.Rules) > 1 {
		return "a policy has at most one rule there"
	}
	if len(spec.Rules) == 0 {
		spec.Rules = []v1alpha1.AuthorizationRule{{}}
	}
	rule := spec.Rules[0]
	switch {
	case len(rule.Methods) > 0:
		return "methods are no part of a rule there"
	case len(rule.Claims) > 1:
		return "a rule demands at most one claim there"
	case len(rule.Claims) == 1 && strings.Contains(strings.Join(rule.Claims[0].Values, ""), " "):
		return "a claim's value with a space in it means several there"
	case len(rule.Tenants) > 0 && issuer.TenantClaim == "":
		return "the tokens do not say their tenant"
	case len(rule.Tenants) > 0:
		config["roles_claim"], config["roles_required"] = elements(issuer.TenantClaim), rule.Tenants
	case needsTenant(policy) && issuer.TenantClaim != "":
		x.lose(title(policy), "spec.tenant", Open, "a token without the claim "+issuer.TenantClaim+" passes", "name the tenants in the policy's rule, or let the issuer make no such tokens for this audience")
	}
	if len(rule.Claims) == 1 {
		config["groups_claim"], config["groups_required"] = elements(rule.Claims[0].Path), rule.Claims[0].Values
	}
	return ""
}

// kongKeys is the configuration of Kong's plugin for keys; holders become
// consumers.
func (x *export) kongKeys(policy *v1alpha1.AuthorizationPolicy) (config map[string]any, why string) {
	if len(policy.Spec.Rules) > 0 {
		return nil, "holders of API keys cannot be told apart"
	}
	for _, subscription := range x.Subscriptions {
		x.checkSubscription(subscription)
		name := subscription.Name + "-kong"
		x.lose(title(subscription), "", Closed, fmt.Sprintf("keys are compared as they are, and Roadbed keeps their hashes alone: Secret %s/%s is not made", subscription.Namespace, name),
			"make it with the label konghq.com/credential: key-auth and the key under the name key, and again with each new key")
		if !x.names["KongConsumer "+subscription.Namespace+"/"+subscription.Name] {
			x.policy(kongGroup+"/v1", "KongConsumer", subscription.Namespace, subscription.Name, map[string]any{
				"username": subscription.Namespace + "." + subscription.Name, "credentials": []string{name},
			})
		}
	}
	return map[string]any{
		"key_names": []string{keyHeader(policy)}, "key_in_header": true, "key_in_query": false, "key_in_body": false, "hide_credentials": true,
	}, ""
}

// kongLimit is the plugin for the first limit of a rule that can be enforced: there
// can be but one.
func (x *export) kongLimit(rule *rule, made map[string]string) (plugins []string) {
	if rule.closed {
		return nil
	}
	for _, limit := range rule.limits {
		if len(plugins) > 0 {
			x.lose(title(limit), "", Open, "a rule has one limit there: "+rule.route.title()+" has this one not", "put both limits into one, or the second on a Gateway before this one")
			continue
		}
		config, ok := x.kongLimitBy(limit, rule)
		if ok {
			plugins = append(plugins, x.kongPlugin(made, limit.Namespace, limit.Name, "rate-limiting", x.kongCount(limit, config)))
		}
	}
	return plugins
}

// kongCount adds to a configuration how much is let pass.
func (x *export) kongCount(limit *v1alpha1.RateLimitPolicy, config map[string]any) map[string]any {
	x.checkLimit(limit)
	unit := strings.ToLower(limitUnit(limit.Spec.Unit))
	config[unit], config["policy"] = limit.Spec.Requests, "local"
	config["fault_tolerant"] = limit.Spec.FailureMode != "Closed"
	x.lose(title(limit), "", Open, "each Kong process counts for itself", `set policy: redis and config.redis in the plugin`)
	if len(limit.Spec.Overrides) > 0 {
		x.lose(title(limit), "spec.overrides", Open, "all tenants have the same limit", "attach a plugin of their own to their KongConsumers")
	}
	return config
}

// kongLimitBy says by what Kong tells callers apart.
func (x *export) kongLimitBy(limit *v1alpha1.RateLimitPolicy, rule *rule) (config map[string]any, ok bool) {
	by := func(what string) (map[string]any, bool) { return map[string]any{"limit_by": what}, true }
	name, scope := title(limit), limit.Spec.Scope
	switch {
	case scope == "Gateway" || len(rule.auth) == 0:
		return by("service")
	case scope == "BusinessUnit" || scope == "Claim":
		x.lose(name, "spec.scope", Open, "Kong tells callers apart by tenant and client alone: the limit is left out", "limit by tenant or client")
		return nil, false
	case x.keysOnly(rule.auth[0]):
		if scope != "Client" {
			x.lose(name, "spec.scope", Open, "each API key has a budget of its own, not each tenant", "give each tenant one Subscription")
		}
		return by("consumer")
	case scope == "Client":
		config, ok = by("header")
		config["header_name"] = headerSubject
		return config, ok
	}
	if x.issuers(rule.auth[0])[0].TenantClaim == "" {
		x.lose(name, "spec.scope", Open, "each namespace has a budget of its own, not each tenant: the tokens do not say their tenant", "take tokens of an issuer that puts the tenant into a claim")
	}
	return by("credential")
}

// kongLifecycle is the plugin for the headers of a deprecated version, for routes
// whose filters Kong does not read.
func (x *export) kongLifecycle(rule *rule, made map[string]string) []string {
	set, links := lifecycleHeaders(rule.life.Spec)
	var remove, add []string
	for _, header := range set {
		remove = append(remove, string(header.Name))
		add = append(add, string(header.Name)+":"+header.Value)
	}
	config := map[string]any{}
	if len(set) > 0 {
		config["remove"], config["add"] = map[string]any{"headers": remove}, map[string]any{"headers": add}
	}
	if links != "" {
		config["append"] = map[string]any{"headers": []string{"Link:" + links}}
	}
	if len(config) == 0 {
		return nil
	}
	return []string{x.kongPlugin(made, rule.life.Namespace, rule.life.Name, "response-transformer", config)}
}

// kongAttach names plugins in a route.
func (x *export) kongAttach(r *route, plugins map[*rule][]string) {
	var all, everywhere []string
	for _, rule := range r.rules {
		all = append(all, plugins[rule]...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, name := range all {
		if !slices.ContainsFunc(r.rules, func(rule *rule) bool { return !rule.closed && !slices.Contains(plugins[rule], name) }) {
			everywhere = append(everywhere, name)
		}
	}
	if r.grpc != nil && len(everywhere) < len(all) {
		x.lose(r.title(), "spec.rules", Closed, "plugins hold for a whole GRPCRoute: what one rule demands, all do", "make a route for each rule")
		everywhere = all
	}
	if r.grpc != nil {
		x.kongFilters(r)
	}
	annotate(r, everywhere)
	if r.http == nil {
		return
	}
	for _, rule := range r.rules {
		for _, name := range plugins[rule] {
			if rule.closed || slices.Contains(everywhere, name) {
				continue
			}
			spec := &r.http.Spec.Rules[rule.index]
			spec.Filters = append(spec.Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterExtensionRef, ExtensionRef: &gatewayv1.LocalObjectReference{
				Group: kongGroup, Kind: "KongPlugin", Name: gatewayv1.ObjectName(name),
			}})
		}
	}
}

// kongFilters notes the filters of a GRPCRoute.
func (x *export) kongFilters(r *route) {
	for i, rule := range r.grpc.Spec.Rules {
		if len(rule.Filters) > 0 {
			x.lose(r.title(), fmt.Sprintf("spec.rules[%d].filters", i), Missing, "Kong's controller reads no filters of a GRPCRoute", "use its plugins request-transformer and response-transformer")
		}
	}
}

// annotate adds plugins to those that the route names already.
func annotate(r *route, names []string) {
	object := r.object()
	annotations := map[string]string{}
	maps.Copy(annotations, object.GetAnnotations())
	if before := annotations[kongPlugins]; before != "" {
		names = append([]string{before}, names...)
	}
	if len(names) == 0 {
		return
	}
	annotations[kongPlugins] = strings.Join(names, ",")
	object.SetAnnotations(annotations)
}

// kongShared notes limits that more than one route names.
func (x *export) kongShared() {
	first := map[*v1alpha1.RateLimitPolicy]*rule{}
	for _, rule := range x.open() {
		for _, limit := range rule.limits {
			if before := first[limit]; before != nil && before != rule {
				x.lose(title(limit), "", Open, "each route and rule that names it counts for itself", "put the paths into one rule")
			}
			first[limit] = rule
		}
	}
}
