// Package capability turns Capabilities into what tenants and the gateway use:
// from one object follow the kind that tenants claim with, their rights to it,
// the native rule that guards its alpha versions, its route at the gateway with
// life cycle and rate limit, its OpenAPI documents, its docs page and its SLO
// rules.
//
// What always holds: planning is pure, and the same Capability gives the same
// objects; what is made for a Capability carries its name as a label; rights to
// claims reach tenants through aggregation, of roles that Roadbed alone may mark
// for it; a claim's kind is never in a group of Roadbed's but claims.roadbed.dev.
//
// The flow: admission judges a changed Capability (lifecycle, contract); the
// controller (operator) plans, applies and reports; the API server serves the
// kind and converts between its versions by asking Roadbed (conversion). The
// packages revision, provision, claim and approval deal with the claims.
package capability
