// Package conformance runs Gateway API's official conformance suite against
// Roadbed's gateway: the embedded control plane, the gateway in this process, and no
// images.
//
// Pods of the suite are simulated, as far as the cluster is concerned: they have
// made-up addresses, which the cluster's own controllers put into EndpointSlices. What
// runs in them is real: a stand-in for the kubelet starts the suite's echo server for
// each pod on ports of the loopback device, the gateway's dialer finds them by the
// made-up addresses, and the suite reads their logs.
//
// The gateway's own sockets take the requests, with net/http's front or the gateway's
// own: ROADBED_CONFORMANCE_FRONT says which.
//
// It is a module of its own, so that the suite's dependencies are not the product's.
// `make conformance-gateway` runs it with each front and prints the reports.
package conformance
