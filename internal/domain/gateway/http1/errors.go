package http1

import (
	"errors"
	"net/http"
)

// Error is a message that is not the HTTP that is spoken here. The connection
// it came by can carry nothing after it.
type Error struct {
	// Status is what a client gets for it.
	Status int
	// Reason says what is wrong with the message, for logs and answers; it quotes
	// nothing of the message.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return "http1: " + e.Reason }

func bad(reason string) *Error { return &Error{http.StatusBadRequest, reason} }

// ErrClosed is the use of a body that was closed.
var ErrClosed = errors.New("http1: the body is closed")

// What is wrong with messages. They are values of the package so that refusing
// a flood of bad requests allocates nothing.
var (
	errLine      = bad("a line does not end with CR LF")
	errStart     = bad("the request line is not METHOD SP TARGET SP VERSION")
	errStatus    = bad("the status line is not VERSION SP CODE SP REASON")
	errMethod    = bad("the method is no token")
	errTarget    = bad("the request target is no path, URL, host with port or asterisk as its method asks for")
	errHost      = bad("the request has no Host, several, or one that is no host")
	errMismatch  = bad("Host and request target name different hosts")
	errFold      = bad("a header field is folded")
	errName      = bad("a header field's name is no token right before a colon")
	errValue     = bad("a header field's value has control characters")
	errLength    = bad("Content-Length is no number, or there are several")
	errBoth      = bad("the message has both Transfer-Encoding and Content-Length")
	errOldCoding = bad("HTTP/1.0 has no Transfer-Encoding")
	errCodings   = bad("there are several Transfer-Encoding fields")
	errChunk     = bad("the chunked coding is broken")

	errCoding    = &Error{http.StatusNotImplemented, "the only transfer coding is chunked"}
	errVersion   = &Error{http.StatusHTTPVersionNotSupported, "the version is neither HTTP/1.1 nor HTTP/1.0"}
	errLongLine  = &Error{http.StatusRequestURITooLong, "the request line is too long"}
	errLongHead  = &Error{http.StatusRequestHeaderFieldsTooLarge, "the header is too large"}
	errManyField = &Error{http.StatusRequestHeaderFieldsTooLarge, "the header has too many fields"}
)
