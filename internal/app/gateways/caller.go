package gateways

import (
	"net/http"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Caller says who makes a request of an API that the program serves itself, by the
// AuthorizationPolicy "namespace/name" that guards the API at the gateway, or why
// he may not. It believes the credential that the request carries and nothing that
// a header says of the caller: whoever comes past the gateway gains nothing. native
// is true for the cluster's own tokens.
func (g *Gateway) Caller(r *http.Request, policy, api string) (who *gateway.Identity, native bool, refused *exchange.Refusal) {
	unknown := &exchange.Refusal{
		Status: http.StatusServiceUnavailable, Detail: "Who calls cannot be checked yet. Try again in a few seconds.", Reason: "policy_unknown",
	}
	config := g.authorizer.Config()
	if config == nil || config.Authorizations[policy] == nil {
		return nil, false, unknown
	}
	written := config.Authorizations[policy]
	request := &http1.Request{Method: r.Method, Header: fields(r.Header)}
	x := &exchange.Exchange{Config: config, Request: request, Lifecycle: &gateway.Lifecycle{API: api}}
	if who, refused = g.authorizer.Authorize(r.Context(), x, []*gateway.Authorization{written}); refused != nil {
		return nil, false, refused
	}
	native = who != nil && who.Kind == gateway.Workload && who.Namespace != "" && slices.ContainsFunc(written.Issuers, func(one gateway.Issuer) bool {
		return one.Cluster && who.Issuer != "" && who.Issuer == one.URL
	})
	return who, native, nil
}

// fields are a header as the gateway has it.
func fields(header http.Header) http1.Header {
	var made http1.Header
	for name, values := range header {
		for _, value := range values {
			made = append(made, http1.Field{Name: name, Value: value})
		}
	}
	return made
}
