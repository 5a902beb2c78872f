package http1

import (
	"crypto/tls"
	"io"
	"net/netip"
)

// Request is one request. Its strings may point into a buffer that the next
// request of the connection overwrites: they are valid until the exchange ends,
// and whoever keeps one clones it.
type Request struct {
	// Method as sent; methods tell upper from lower case.
	Method string
	// Path as sent, escaped: "/a%2Fb", or "*" of an OPTIONS request; empty for
	// CONNECT. Query is what follows "?", without it.
	Path, Query string
	// HasQuery tells "/p?" from "/p".
	HasQuery bool
	// Authority is the host, and port where there was one, in lower case.
	Authority string
	// Scheme is "http" or "https", by the connection.
	Scheme string
	// Minor is the minor version of HTTP/1; 2 and above do not come here.
	Minor int
	// Header as sent, Host, framing and hop-by-hop fields included.
	Header Header
	// Body is nil where there is none.
	Body Body
	// ContentLength is -1 where the length is not known before the end, 0 for
	// no body.
	ContentLength int64
	// Chunked says that the body comes in the chunked coding.
	Chunked bool
	// Close says that the client wants the connection closed afterwards.
	Close bool
	// Upgrade and Expect say that the request has fields of that name: the
	// client wants another protocol, or waits before it sends the body.
	Upgrade, Expect bool
	// Remote is the other end of the connection.
	Remote netip.AddrPort
	// TLS is nil on plain connections.
	TLS *tls.ConnectionState

	arena []byte // what the strings of a parsed request point into
}

// Reset empties the request for the next one and keeps its buffers. All strings
// of the old one become invalid.
func (r *Request) Reset() {
	header, arena := r.Header[:0], r.arena[:0]
	clear(header[:cap(header)])
	*r = Request{Header: header, arena: arena}
}

// Response is one response. What holds for a Request's strings holds for its.
type Response struct {
	// Status is the status code.
	Status int
	// Minor is the minor version of HTTP/1 that the backend spoke.
	Minor int
	// Header as sent. The transport takes framing and hop-by-hop fields out.
	Header Header
	// Body is nil where there is none. Who was given a response with a body
	// closes it, exactly once and whether or not it was read to its end.
	Body Body
	// ContentLength is -1 where the length is not known before the end. For
	// answers to HEAD it is what the backend said, though there is no body.
	ContentLength int64
	// Chunked says that the body comes in the chunked coding.
	Chunked bool
	// Close says that the other end closes the connection afterwards.
	Close bool
	// Trailer is complete once Body has returned io.EOF.
	Trailer Header

	arena    []byte // what the strings of a parsed head point into
	trailers []byte // what the strings of a parsed trailer point into
}

// Reset empties the response for the next one and keeps its buffers.
func (r *Response) Reset() {
	header, trailer := r.Header[:0], r.Trailer[:0]
	clear(header[:cap(header)])
	clear(trailer[:cap(trailer)])
	*r = Response{Header: header, Trailer: trailer, arena: r.arena[:0], trailers: r.trailers[:0]}
}

// Body is the content of a message, without its framing.
//
// Read is as io.Reader's. Close ends the use of the body: it must be safe to
// call while another goroutine is in Read, which it must make return, and to
// call twice.
type Body interface {
	io.Reader
	Close() error
}
