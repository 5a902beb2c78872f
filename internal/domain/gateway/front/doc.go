// Package front is the gateway's own HTTP/1.1 server: what a client's connection
// costs is one goroutine, two buffers and, for a small answer, one write.
//
// It serves what clients of an API send nearly always, and hands the connection
// over to net/http, with the bytes that were read already, for all else: HTTP/2
// (by ALPN or by its preface), requests for another protocol, for leave to
// continue (Expect), CONNECT and OPTIONS *. So there is one implementation of each.
//
// What always holds: a request that package http1 refuses is answered with its
// status and ends the connection, unread by anybody behind it; the next request
// of a connection begins where the last one's body ends, or the connection is
// closed; a client that sends its head, its body or reads its answer too slowly
// is cut off; an answer that cannot be completed never looks complete.
//
// Who owns the goroutines: Serve has one for each connection, which end with
// Shutdown or Close.
package front
