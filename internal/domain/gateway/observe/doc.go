// Package observe tells what a gateway did: a line of access log, metrics under
// the names that Envoy gave them, a span of a trace where the request is sampled,
// and the ledger of who uses what.
//
// What always holds: observing a request never blocks it and, but for sampled
// spans, allocates nothing; no secret is written: neither queries nor headers are
// in the log, but for the request's id and the user agent; the number of series is
// bounded, whatever clients and tenants do.
package observe
