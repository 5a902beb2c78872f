// Package export writes what the gateway enforces in the words of other gateways:
// Envoy Gateway, Istio and Kong.
//
//	Input (objects, as files or a cluster have them) -> Export -> Objects, Findings
//
// The objects are standard ones of Gateway API, without Roadbed's own filters, and
// thin policies of the other gateway. What that gateway cannot do is a Finding,
// with what is lost and what to do.
//
// What always holds: it calls nobody and reads no clock; the same Input gives the
// same Result; nothing that Roadbed's gateway enforces is left out without a
// Finding; where callers cannot be checked at all, the rule has no backends, so
// that it answers 500 as Roadbed's gateway does, and is not an open door.
package export
