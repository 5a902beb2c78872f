// Package upstream is the gateway's leg to the backends.
//
// HTTP/1.1 is our own: the goroutine of the client's connection writes the
// request to a pooled connection and reads the answer from it, with one write
// and no allocation where both are small. HTTP/2, with and without TLS, goes
// through net/http's transport.
//
// What always holds: connections are kept per backend and endpoint and outlive
// changes of the configuration; an endpoint that is gone gets nothing new, and
// its connections end with their last exchange; a connection is used again only
// after an exchange that both sides finished and that left no byte behind, and
// only if it is still silent and open when its turn comes; a backend's answer is
// held to the same strictness as a client's request.
package upstream
