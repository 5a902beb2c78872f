package http1

import "net/http"

// Parse fills the response with a head: all lines up to and with the empty one.
// The head is copied. Body is the caller's to set; HasBody says whether there is one.
func (r *Response) Parse(head []byte, limits Limits) error {
	r.Reset()
	r.arena = append(r.arena, head...)
	line, rest := cutLine(r.arena)
	if err := r.start(line); err != nil {
		return err
	}
	var f framing
	if err := fields(rest, limits.Fields, &r.Header, &f); err != nil {
		return err
	}
	if err := f.settle(r.Minor); err != nil {
		return err
	}
	r.Close, r.Chunked = f.close, f.chunked
	r.ContentLength = f.length
	return nil
}

// start parses the status line. The reason may be missing, with its blank too.
func (r *Response) start(line []byte) error {
	const before = len("HTTP/1.1 ")
	if len(line) < before+3 || line[before-1] != ' ' {
		return errStatus
	}
	minor, err := version(line[:before-1])
	if err != nil {
		return err
	}
	code, reason := line[before:before+3], line[before+3:]
	for _, c := range code {
		if c < '0' || c > '9' {
			return errStatus
		}
	}
	if len(reason) > 0 && (reason[0] != ' ' || !all(reason, inValue)) {
		return errStatus
	}
	r.Minor = minor
	r.Status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	if r.Status < 100 || r.Status > 599 {
		return errStatus
	}
	return nil
}

// HasBody tells whether an answer of this status to that method has content.
func HasBody(method string, status int) bool {
	return method != http.MethodHead && status >= 200 &&
		status != http.StatusNoContent && status != http.StatusNotModified
}
