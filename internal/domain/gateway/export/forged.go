package export

import (
	"slices"
	"strings"
)

// forged are the headers by which the gateway tells backends who calls, or which
// would make a backend act as somebody else: nobody outside may send them.
var forged = []string{"impersonate-group", "impersonate-uid", "impersonate-user", headerClient, headerSubject, headerTenant}

// maxRemoved is how many headers the standard filter removes.
const maxRemoved = 16

// istioForged removes what callers may not send by the standard filter. Headers
// that Istio itself sets before the filter runs are left alone: it replaces those
// that a caller sent.
func (x *export) istioForged() {
	for _, rule := range x.open() {
		change := rule.requestModifier()
		for _, name := range forged {
			if !x.istioSets(rule, name) && !slices.ContainsFunc(change.Remove, func(n string) bool { return strings.EqualFold(n, name) }) {
				change.Remove = append(change.Remove, name)
			}
		}
		if len(change.Remove) > maxRemoved {
			x.lose(rule.route.title(), rule.field()+".filters", Open, "more headers would have to be removed than a filter can: those are not dropped that come last", "remove fewer headers in the route")
			change.Remove = change.Remove[:maxRemoved]
		}
	}
	for _, gateway := range x.gatewayKeys() {
		x.lose("Gateway "+gateway.String(), "", Open, "headers that begin with Impersonate-Extra- are not dropped", "let no backend act on them")
	}
}

// istioSets says whether every request that reaches the rule's backends has the
// header from Istio.
func (x *export) istioSets(rule *rule, name string) bool {
	if len(rule.auth) == 0 || anonymous(rule.auth[0]) {
		return false
	}
	claim, same := istioTenantClaim(x.issuers(rule.auth[0]))
	switch name {
	case headerSubject:
		return true
	case headerTenant:
		return needsTenant(rule.auth[0]) && same && !dotted(claim)
	}
	return false
}

// kongForged is the code by which Kong drops what callers may not send, before any
// other plugin runs.
const kongForged = `for name in pairs(kong.request.get_headers(1000)) do
  if name:find("^impersonate%-") or name:find("^x%-roadbed%-") then
    kong.service.request.clear_header(name)
  end
end
`
