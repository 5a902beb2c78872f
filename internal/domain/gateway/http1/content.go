package http1

import (
	"errors"
	"io"
)

// Content reads the content of the message whose head its Reader returned last,
// without its framing. It has no Close: who owns the connection knows what that
// means, and embeds it.
type Content struct {
	src     *Reader
	left    int64 // of the content, or of the chunk
	kind    kind
	err     error // what Read returns from now on
	trailer *Header
	keep    *[]byte
}

type kind uint8

const (
	sized    kind = iota
	chunked       // before a chunk's size
	inChunk       // in a chunk
	tillEnd       // to the end of the connection
	finished      // nothing is left
)

// Of begins to read the content of a request. What its trailer has is dropped.
func (c *Content) Of(src *Reader, req *Request) {
	*c = Content{src: src}
	c.begin(req.Chunked, req.ContentLength)
}

// OfResponse begins to read the content of an answer to method; its trailer is
// put into res.
func (c *Content) OfResponse(src *Reader, method string, res *Response) {
	*c = Content{src: src, trailer: &res.Trailer, keep: &res.trailers}
	if !HasBody(method, res.Status) {
		c.begin(false, 0)
		return
	}
	c.begin(res.Chunked, res.ContentLength)
}

func (c *Content) begin(isChunked bool, length int64) {
	switch {
	case isChunked:
		c.kind = chunked
	case length < 0:
		c.kind = tillEnd
	case length == 0:
		c.finish()
	default:
		c.left = length
	}
}

func (c *Content) finish() {
	c.kind, c.err = finished, io.EOF
}

// Finished tells whether the content was read to its end, so that the next
// message of the connection can be read.
func (c *Content) Finished() bool { return c.kind == finished }

// Ready tells whether Read returns at once: with bytes that are here already,
// or with the end or an error that is known.
func (c *Content) Ready() bool {
	return c.err != nil || (c.src.r < c.src.w && (c.kind != chunked || c.wholeLine()))
}

// wholeLine tells whether the size of the next chunk and a byte after it are here.
func (c *Content) wholeLine() bool {
	data := c.src.Buffered()
	for i := range data {
		if data[i] == '\n' {
			return i+1 < len(data)
		}
	}
	return false
}

// Here tells whether all that is left of the content is here already.
func (c *Content) Here() bool {
	return c.kind == finished || (c.kind == sized && c.left <= int64(c.src.w-c.src.r))
}

// Read reads content. After the last byte it returns io.EOF together with the
// last bytes where it knows already that they are, else alone.
func (c *Content) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	if c.kind == chunked {
		if c.err = c.nextChunk(); c.err != nil {
			return 0, c.err
		}
	}
	if c.kind != tillEnd && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.src.take(p)
	if c.kind == tillEnd {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			c.finish()
			err = io.EOF
		}
		c.err = err
		return n, err
	}
	c.left -= int64(n)
	if c.err = err; err == nil && c.left == 0 {
		c.endPart()
	}
	return n, c.err
}

// endPart is after the last byte of the content, or of a chunk: there it looks
// for the end of the coding, if it is here.
func (c *Content) endPart() {
	if c.kind == sized {
		c.finish()
		return
	}
	if c.err = c.endChunk(); c.err == nil && c.lastIsHere() {
		c.err = c.nextChunk()
	}
}

// lastIsHere tells whether what follows is the end of the coding without a
// trailer, all of it.
func (c *Content) lastIsHere() bool {
	const last = "0\r\n\r\n"
	data := c.src.Buffered()
	return len(data) >= len(last) && text(data[:len(last)]) == last
}

// endChunk reads the CR LF after a chunk.
func (c *Content) endChunk() error {
	line, err := c.src.line(len("\r"))
	if err == nil && len(line) > 0 {
		err = errChunk
	}
	c.kind = chunked
	return err
}

// chunkLine is the longest line with a chunk's size. Extensions are dropped.
const chunkLine = 256

// nextChunk reads the size of the next chunk, and after the last the trailer.
func (c *Content) nextChunk() error {
	line, err := c.src.line(chunkLine)
	if err != nil {
		return err
	}
	if c.left, err = chunkSize(line); err != nil {
		return err
	}
	if c.left > 0 {
		c.kind = inChunk
		return nil
	}
	if err := c.readTrailer(); err != nil {
		return err
	}
	c.finish()
	return io.EOF
}

// chunkSize parses a chunk's size in hexadecimal; extensions are only held to
// their letters.
func chunkSize(line []byte) (int64, error) {
	const most = 15 // digits, so that the number fits
	size, digits := int64(0), 0
	for digits < len(line) && classes[line[digits]]&inHex != 0 {
		c := lower(line[digits])
		if c >= 'a' {
			c -= 'a' - 10 - '0'
		}
		size = size<<4 | int64(c-'0')
		digits++
		if digits > most {
			return 0, errChunk
		}
	}
	extension := line[digits:]
	if digits == 0 || (len(extension) > 0 && extension[0] != ';') || !all(extension, inValue) {
		return 0, errChunk
	}
	return size, nil
}

// readTrailer reads the fields after the last chunk, up to the empty line.
func (c *Content) readTrailer() error {
	var total int
	for range c.src.limits.Fields {
		line, err := c.src.line(c.src.limits.Head)
		if err != nil || len(line) == 0 {
			return err
		}
		if total += len(line); total > c.src.limits.Head {
			return errLongHead
		}
		name, value, err := cutField(line)
		if err != nil {
			return err
		}
		c.addTrailer(name, value)
	}
	return errManyField
}

// addTrailer keeps a field of a response's trailer. Fields that frame a message
// or route it are dropped: they must not be there.
func (c *Content) addTrailer(name, value []byte) {
	if c.trailer == nil || hopByHop(text(name)) || is(name, "host") || is(name, "content-length") {
		return
	}
	// A larger slice leaves the strings that point into the old one as they are.
	kept := *c.keep
	from := len(kept)
	kept = append(append(kept, name...), value...)
	*c.keep = kept
	c.trailer.Add(text(kept[from:from+len(name)]), text(kept[from+len(name):]))
}
