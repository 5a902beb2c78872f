// Package proxy serves requests by a Config: it finds the rule, asks who calls
// and whether they may, shapes the request, and has a backend answer it.
//
//	listener -> host -> route -> authentication -> life-cycle flag -> rate limits
//	         -> filters -> backend by weight -> fairness -> endpoint -> answer
//
// What always holds: a Config is compiled as a whole and swapped in by one
// pointer, or not at all; a request sees one Config from its first byte to its
// last; nothing is served before the first; a request that nothing matches is
// charged to nobody; every answer, the gateway's own among them, carries the
// life-cycle headers of its route; what clients are told of errors is
// application/problem+json (for gRPC a grpc-status) and leaks nothing of what
// is behind the gateway.
package proxy
