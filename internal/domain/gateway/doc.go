// Package gateway is the platform's one entry point: it knows who calls, treats
// callers fairly, and tells them ahead what will go away.
//
// This package has the words that its parts share. A Config is what the objects
// of a cluster mean, with every reference resolved:
//
//	cluster objects -> translate -> Config -> proxy (compiled, behind one pointer)
//	                        \-> statuses, exactly as Gateway API specifies them
//
// What always holds: a Config is immutable; a request sees one Config from its
// first byte to its last; a gateway answers nothing before it has its first
// Config; Gateways never merge.
//
// Who writes what: translate decides and calls nobody; the operator alone writes
// statuses; the proxy reads a Config and nothing of the cluster.
package gateway
