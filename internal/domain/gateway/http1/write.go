package http1

import (
	"net/http"
	"strconv"
	"strings"
)

// hopByHop tells whether a field is for one connection only, whatever
// Connection says.
func hopByHop(name string) bool {
	switch len(name) {
	case len("te"):
		return EqualFold(name, "te")
	case len("trailer"):
		return EqualFold(name, "trailer") || EqualFold(name, "upgrade")
	case len("keep-alive"):
		return EqualFold(name, "keep-alive") || EqualFold(name, "connection")
	case len("proxy-connection"):
		return EqualFold(name, "proxy-connection")
	case len("transfer-encoding"):
		return EqualFold(name, "transfer-encoding")
	case len("proxy-authenticate"):
		return EqualFold(name, "proxy-authenticate")
	case len("proxy-authorization"):
		return EqualFold(name, "proxy-authorization")
	}
	return false
}

// DelHopByHop removes the fields that are for one connection only: those that
// always are, and those that Connection names. A proxy calls it before it adds
// fields of its own, or a client could name these in Connection.
func (h *Header) DelHopByHop() {
	for i := 0; i < len(*h); i++ {
		if EqualFold((*h)[i].Name, "connection") {
			i -= h.delNamed((*h)[i].Value, i)
		}
	}
	kept := 0
	for i := range *h {
		if hopByHop((*h)[i].Name) {
			continue
		}
		if kept != i {
			(*h)[kept] = (*h)[i]
		}
		kept++
	}
	clear((*h)[kept:])
	*h = (*h)[:kept]
}

// delNamed removes the fields that a Connection field at index at names, and
// returns how many of them stood before it.
func (h *Header) delNamed(options string, at int) (before int) {
	for option := range strings.SplitSeq(options, ",") {
		option = strings.Trim(option, " \t")
		if option == "" || EqualFold(option, "connection") || EqualFold(option, "close") || EqualFold(option, "keep-alive") {
			continue
		}
		for i := range min(at, len(*h)) {
			if EqualFold((*h)[i].Name, option) {
				before++
			}
		}
		at -= before
		h.Del(option)
	}
	return before
}

// AppendRequest appends the head of a request as a client sends it. Of the
// header it leaves out what frames the message or is for one connection only,
// and Host: these follow from the request's fields; and Expect, for a client is told
// to go on by who reads its body. A body of unknown length is
// announced as chunked.
//
// Path, query and authority may come from elsewhere than a parser of this
// package: what would end them is escaped. Names of fields must be tokens.
func AppendRequest(dst []byte, r *Request) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = appendTarget(dst, r.Path)
	if r.HasQuery || r.Query != "" {
		dst = append(dst, '?')
		dst = appendTarget(dst, r.Query)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = appendTarget(dst, r.Authority)
	dst = append(dst, "\r\n"...)
	for i := range r.Header {
		if name := r.Header[i].Name; !decided(name) && !EqualFold(name, "expect") {
			dst = AppendField(dst, name, r.Header[i].Value)
		}
	}
	switch {
	case r.ContentLength < 0:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case r.ContentLength > 0 || expectsBody(r.Method):
		dst = appendLength(dst, r.ContentLength)
	}
	return append(dst, "\r\n"...)
}

// appendTarget appends a part of a target, with escapes for what no target has.
func appendTarget(dst []byte, part string) []byte {
	from := len(dst)
	dst = append(dst, part...)
	if all(dst[from:], inTarget) {
		return dst
	}
	const digits = "0123456789ABCDEF"
	dst = dst[:from]
	for i := range len(part) {
		if c := part[i]; classes[c]&inTarget != 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&0xf])
		}
	}
	return dst
}

// expectsBody tells whether a request without content says so.
func expectsBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// Framing is how the content of a response is sent.
type Framing uint8

// The ways to send content.
const (
	// NoContent is an answer that can have none: 1xx and 204.
	NoContent Framing = iota
	// Sized announces ContentLength. Answers to HEAD and 304 announce theirs too.
	Sized
	// Chunked is the chunked coding.
	Chunked
	// Unsized says nothing: the content ends with the connection, or there is
	// none and its length is not known.
	Unsized
)

// AppendResponse appends the head of a response as a server sends it, leaving
// out what AppendRequest leaves out. AppendField and End follow.
func AppendResponse(dst []byte, r *Response, as Framing) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(r.Status)...)
	dst = append(dst, "\r\n"...)
	for i := range r.Header {
		if name := r.Header[i].Name; !decided(name) || (r.Status == http.StatusSwitchingProtocols && switches(name)) {
			dst = AppendField(dst, name, r.Header[i].Value)
		}
	}
	switch as {
	case Sized:
		dst = appendLength(dst, r.ContentLength)
	case Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case NoContent, Unsized:
	}
	return dst
}

// decided tells whether the writer of a message decides on the field.
func decided(name string) bool {
	return hopByHop(name) || EqualFold(name, "content-length") || EqualFold(name, "host")
}

// switches tells whether an answer that switches protocols says so by the field.
func switches(name string) bool { return EqualFold(name, "connection") || EqualFold(name, "upgrade") }

// AppendField appends one field line. A value never ends the line: control
// characters become blanks.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	from := len(dst)
	dst = append(dst, value...)
	if !isValue(dst[from:]) {
		blank(dst[from:])
	}
	return append(dst, "\r\n"...)
}

// blank makes control characters blanks.
func blank(value []byte) {
	for i, c := range value {
		if classes[c]&inValue == 0 {
			value[i] = ' '
		}
	}
}

func appendLength(dst []byte, length int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, length, 10)
	return append(dst, "\r\n"...)
}

// ChunkHead is how many bytes a chunk's size takes with PutChunkHead.
const ChunkHead = len("ffffffff\r\n")

// PutChunkHead writes the size of a chunk into the ChunkHead bytes before it,
// so that content can be read in place and sent in one piece. The chunk is
// followed by CR LF.
func PutChunkHead(dst []byte, size int) {
	const digits = "0123456789abcdef"
	for i := 7; i >= 0; i-- {
		dst[i] = digits[size&0xf]
		size >>= 4
	}
	dst[8], dst[9] = '\r', '\n'
}

// AppendTrailer ends the chunked coding.
func AppendTrailer(dst []byte, trailer Header) []byte {
	dst = append(dst, "0\r\n"...)
	for i := range trailer {
		if !decided(trailer[i].Name) {
			dst = AppendField(dst, trailer[i].Name, trailer[i].Value)
		}
	}
	return append(dst, "\r\n"...)
}
