// Package listen has the sockets of a gateway: they are opened and closed as
// listeners come and go, while connections of the others go on.
//
// What always holds: nothing is opened before the first Config; listeners that
// share an address share a socket; with TLS the server name chooses certificate,
// client authorities and protocols, and a certificate that is renewed is used
// from the next handshake on, without ending a connection; a name that no
// listener has is refused in the handshake; a socket that goes stops accepting,
// lets no connection take another request, and waits for what is going on, up
// to a limit.
//
// Slow clients are bounded: the head of a request and a handshake, the time
// between requests, and how many connections a socket has at once.
package listen
