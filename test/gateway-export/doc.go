// Package gatewayexport holds what "roadbed gateway export" writes against the
// definitions of the projects it writes for: Gateway API's standard channel, Envoy
// Gateway, Istio and Kong. They are installed in a real API server, and each
// exported object is created there with strict validation.
//
// The versions of the projects are in definitions/go.mod.
package gatewayexport
