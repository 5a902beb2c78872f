package http1

import (
	"bytes"
	"unsafe"
)

// Limits bound the head of a message.
type Limits struct {
	// Line is the longest request line, in bytes without its end.
	Line int
	// Head is the longest head, in bytes with its end.
	Head int
	// Fields is how many header fields there may be.
	Fields int
}

// DefaultLimits are larger than what browsers and libraries send and small
// enough that ten thousand connections cost little.
var DefaultLimits = Limits{Line: 16 << 10, Head: 64 << 10, Fields: 200}

// text is b as a string that shares its memory. The owner of b, a message, says
// until when it is good.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// is compares with a lower-case word, without regard to case.
func is(b []byte, word string) bool { return EqualFold(text(b), word) }

// cutLine returns the first line, without CR LF, and what follows. Every line of
// a head is known to have its end.
func cutLine(head []byte) (line, rest []byte) {
	end := bytes.IndexByte(head, '\n')
	return head[:end-1], head[end+1:]
}

// framing is what the fields of a message say about where it ends and what
// becomes of its connection.
type framing struct {
	length                     int64 // -1 for no Content-Length
	chunked, close, keep       bool
	upgrade, expect, hasCoding bool
	hosts                      int
	host                       []byte
}

// fields parses the field lines of a head, up to and without the empty line.
func fields(lines []byte, limit int, header *Header, f *framing) error {
	f.length = -1
	for {
		line, rest := cutLine(lines)
		if len(line) == 0 {
			return nil
		}
		if len(*header) == limit {
			return errManyField
		}
		name, value, err := cutField(line)
		if err != nil {
			return err
		}
		if err := f.note(name, value); err != nil {
			return err
		}
		*header = append(*header, Field{text(name), text(value)})
		lines = rest
	}
}

// cutField takes a field line apart.
func cutField(line []byte) (name, value []byte, err error) {
	colon := 0
	for colon < len(line) && classes[line[colon]]&inToken != 0 {
		colon++
	}
	switch {
	case colon == 0 && (line[0] == ' ' || line[0] == '\t'):
		return nil, nil, errFold
	case colon == 0, colon == len(line), line[colon] != ':':
		return nil, nil, errName
	}
	name, value = line[:colon], line[colon+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	if !isValue(value) {
		return nil, nil, errValue
	}
	return name, value, nil
}

// note takes in a field that frames the message. It looks at the length of the
// name first: most fields are told apart by that.
func (f *framing) note(name, value []byte) error {
	switch len(name) {
	case len("host"):
		if is(name, "host") {
			f.hosts++
			f.host = value
		}
	case len("expect"):
		f.expect = f.expect || is(name, "expect")
	case len("upgrade"):
		f.upgrade = f.upgrade || is(name, "upgrade")
	case len("connection"):
		if is(name, "connection") {
			f.connection(value)
		}
	case len("content-length"):
		if is(name, "content-length") {
			return f.contentLength(value)
		}
	case len("transfer-encoding"):
		if is(name, "transfer-encoding") {
			return f.coding(value)
		}
	}
	return nil
}

func (f *framing) connection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value = cutOption(value)
		f.close = f.close || is(option, "close")
		f.keep = f.keep || is(option, "keep-alive")
	}
}

// cutOption returns the first element of a list, without blanks, and the rest.
func cutOption(list []byte) (option, rest []byte) {
	option, rest, _ = bytes.Cut(list, []byte(","))
	return bytes.Trim(option, " \t"), rest
}

// contentLength takes digits only: no sign, no list, no second field.
func (f *framing) contentLength(value []byte) error {
	const most = 18 // digits, so that the number fits
	if f.length >= 0 || len(value) == 0 || len(value) > most {
		return errLength
	}
	length := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return errLength
		}
		length = length*10 + int64(c-'0')
	}
	f.length = length
	return nil
}

func (f *framing) coding(value []byte) error {
	if f.hasCoding {
		return errCodings
	}
	f.hasCoding = true
	if !is(value, "chunked") {
		return errCoding
	}
	f.chunked = true
	return nil
}

// settle judges the framing as a whole.
func (f *framing) settle(minor int) error {
	switch {
	case f.hasCoding && f.length >= 0:
		return errBoth
	case f.hasCoding && minor == 0:
		return errOldCoding
	}
	f.close = f.close || (minor == 0 && !f.keep)
	return nil
}

// version takes "HTTP/1.1" and "HTTP/1.0".
func version(b []byte) (minor int, err error) {
	const prefix = "HTTP/1."
	if len(b) != len("HTTP/1.1") || text(b[:5]) != prefix[:5] {
		return 0, errStart
	}
	if text(b[:len(prefix)]) != prefix || (b[7] != '1' && b[7] != '0') {
		return 0, errVersion
	}
	return int(b[7] - '0'), nil
}
