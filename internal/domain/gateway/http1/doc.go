// Package http1 is HTTP/1.1 as the gateway speaks it, to clients and to
// backends: messages as values, a strict parser, the chunked coding and a writer.
//
// It parses what RFC 9112 and RFC 9110 allow and refuses the rest: whatever two
// implementations could read in two ways (two framings, folded lines, bare line
// feeds, blanks before a colon) is an error and ends the connection, because
// that is how requests are smuggled past a gateway. It is never looser than
// net/http, which a differential fuzz test holds it to.
//
// Nothing here is allocated per message once buffers have grown: the head of a
// message is copied into its Request or Response, and every string of it points
// there. So the strings are good until the message is reset for the next one;
// who keeps one clones it (strings.Clone).
package http1
