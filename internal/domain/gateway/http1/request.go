package http1

import (
	"bytes"
	"net/http"
)

// Parse fills the request with a head: all lines up to and with the empty one.
// The head is copied. Body, Scheme, Remote and TLS are the caller's to set.
func (r *Request) Parse(head []byte, limits Limits) error {
	r.Reset()
	r.arena = append(r.arena, head...)
	line, rest := cutLine(r.arena)
	if len(line) > limits.Line {
		return errLongLine
	}
	target, err := r.start(line)
	if err != nil {
		return err
	}
	var f framing
	if err := fields(rest, limits.Fields, &r.Header, &f); err != nil {
		return err
	}
	if err := f.settle(r.Minor); err != nil {
		return err
	}
	r.Close, r.Upgrade, r.Expect = f.close, f.upgrade, f.expect
	r.Chunked, r.ContentLength = f.chunked, max(f.length, 0)
	if f.chunked {
		r.ContentLength = -1
	}
	return r.locate(target, &f)
}

// start parses the request line but for the target.
func (r *Request) start(line []byte) (target []byte, err error) {
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first <= 0 || last == first {
		return nil, errStart
	}
	method, target := line[:first], line[first+1:last]
	if !all(method, inToken) {
		return nil, errMethod
	}
	if r.Minor, err = version(line[last+1:]); err != nil {
		return nil, err
	}
	r.Method = text(method)
	if len(target) == 0 || !all(target, inTarget) {
		return nil, errTarget
	}
	return target, nil
}

// locate finds out what the target and Host name.
func (r *Request) locate(target []byte, f *framing) error {
	if f.hosts > 1 || (f.hosts == 0 && r.Minor > 0) {
		return errHost
	}
	if f.hosts == 1 && !isHost(f.host) {
		return errHost
	}
	toLower(f.host)
	r.Authority = text(f.host)
	switch {
	case r.Method == http.MethodConnect:
		return r.authorityForm(target, f)
	case target[0] == '/':
		return r.originForm(target)
	case target[0] == '*':
		if len(target) > 1 || r.Method != http.MethodOptions {
			return errTarget
		}
		r.Path = "*"
		return nil
	}
	return r.absoluteForm(target, f)
}

// toLower works in place: Host is not told apart by case by anybody.
func toLower(b []byte) {
	for i := range b {
		b[i] = lower(b[i])
	}
}

func (r *Request) originForm(target []byte) error {
	path, query, hasQuery := bytes.Cut(target, []byte("?"))
	r.HasQuery = hasQuery
	if !escaped(path) {
		return errTarget
	}
	r.Path, r.Query = text(path), text(query)
	return nil
}

// absoluteForm is what clients send to proxies, and every server has to take.
// The host of the target is the one that counts, so Host has to be the same.
func (r *Request) absoluteForm(target []byte, f *framing) error {
	colon := bytes.IndexByte(target, ':')
	if colon < 0 || !bytes.HasPrefix(target[colon:], []byte("://")) {
		return errTarget
	}
	if scheme := target[:colon]; !is(scheme, "http") && !is(scheme, "https") {
		return errTarget
	}
	target = target[colon+len("://"):]
	end := bytes.IndexAny(target, "/?")
	if end < 0 {
		end = len(target)
	}
	authority, rest := target[:end], target[end:]
	if err := r.agree(authority, f); err != nil {
		return err
	}
	if len(rest) > 0 && rest[0] == '/' {
		return r.originForm(rest)
	}
	r.Path = "/"
	if len(rest) > 0 {
		r.Query, r.HasQuery = text(rest[1:]), true
	}
	return nil
}

func (r *Request) authorityForm(target []byte, f *framing) error {
	if bytes.LastIndexByte(target, ':') < 0 {
		return errTarget
	}
	return r.agree(target, f)
}

// agree takes the authority of a target, unless Host is another.
func (r *Request) agree(authority []byte, f *framing) error {
	if !isHost(authority) {
		return errTarget
	}
	toLower(authority)
	if f.hosts == 1 && !bytes.Equal(authority, f.host) {
		return errMismatch
	}
	r.Authority = text(authority)
	return nil
}
