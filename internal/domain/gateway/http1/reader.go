package http1

import (
	"bytes"
	"errors"
	"io"
)

// Reader reads the messages of one connection through one buffer, one after the
// other: a head, then its content, then the next head. It reads no more of the
// connection than it is asked to, in Fill and in the Read of a Content.
type Reader struct {
	src    io.Reader
	limits Limits
	buf    []byte // buf[r:w] is read and not yet used
	r, w   int
	last   int // the length of the head that was returned last
	seen   int // of the head that is being waited for: lines before buf[r+seen] are whole
}

const (
	firstBuffer = 4 << 10  // holds nearly every head
	keepBuffer  = 16 << 10 // a larger one is not kept for the next message
)

// NewReader returns a Reader of src.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, limits: limits, buf: make([]byte, firstBuffer)}
}

// Buffered returns what was read and not yet used. It is good until the next
// call of a method.
func (r *Reader) Buffered() []byte { return r.buf[r.r:r.w] }

// Rest takes out what was read and not yet used, as much as fits into p: the
// first bytes of what a connection speaks after HTTP.
func (r *Reader) Rest(p []byte) int {
	n := copy(p, r.buf[r.r:r.w])
	r.r += n
	return n
}

// Fill reads once, at least a byte, and waits for it.
func (r *Reader) Fill() error {
	if r.r == r.w {
		r.r, r.w = 0, 0
		r.shrink()
	}
	if r.w == len(r.buf) {
		r.makeRoom()
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		r.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what there is to the front, or doubles the buffer.
func (r *Reader) makeRoom() {
	next := r.buf
	if r.r == 0 {
		next = make([]byte, 2*len(r.buf))
	}
	r.w = copy(next, r.buf[r.r:r.w])
	r.r, r.buf = 0, next
}

// shrink lets a large buffer go when it is empty.
func (r *Reader) shrink() {
	if len(r.buf) > keepBuffer {
		r.buf = make([]byte, firstBuffer)
	}
}

// Request parses the next head if all of it was read, or says that it was not:
// then Fill and ask again. A head that cannot become a good one is an error at
// once. After an error the connection is of no more use.
func (r *Reader) Request(req *Request) (complete bool, err error) {
	head, err := r.head(r.limits.Line)
	if head == nil {
		return false, err
	}
	err = req.Parse(head, r.limits)
	r.used(len(head))
	return err == nil, err
}

// Response is Request for responses.
func (r *Reader) Response(res *Response) (complete bool, err error) {
	head, err := r.head(r.limits.Head)
	if head == nil {
		return false, err
	}
	err = res.Parse(head, r.limits)
	r.used(len(head))
	return err == nil, err
}

func (r *Reader) used(n int) {
	r.r += n
	r.last, r.seen = n, 0
}

// Unread takes back the head that Request has just returned: Buffered has it
// again, as it was sent.
func (r *Reader) Unread() {
	r.r -= r.last
	r.last = 0
}

// head returns the lines up to and with the first empty one, or nil while there
// is none. No byte is looked at twice, however slowly they come.
func (r *Reader) head(firstLine int) ([]byte, error) {
	for {
		data := r.buf[r.r:r.w]
		end := bytes.IndexByte(data[r.seen:], '\n')
		if err := r.tooLarge(len(data), end, firstLine); err != nil {
			return nil, err
		}
		if end < 0 {
			return nil, nil
		}
		if end == 0 || data[r.seen+end-1] != '\r' {
			return nil, errLine
		}
		first := r.seen == 0
		r.seen += end + 1
		if end > 1 {
			continue
		}
		if first {
			return nil, errStart
		}
		return data[:r.seen], nil
	}
}

// tooLarge judges a line that ends at end, or has not ended where end is -1.
func (r *Reader) tooLarge(size, end, firstLine int) error {
	if r.seen == 0 && (end > firstLine+1 || (end < 0 && size > firstLine+1)) {
		return errLongLine
	}
	if r.seen+end >= r.limits.Head || (end < 0 && size >= r.limits.Head) {
		return errLongHead
	}
	return nil
}

// take reads into p what is there, or else from the connection: past the buffer
// where p is large.
func (r *Reader) take(p []byte) (int, error) {
	if r.r == r.w && len(p) >= len(r.buf) {
		n, err := r.src.Read(p)
		if n > 0 {
			err = nil
		}
		return n, unexpected(err)
	}
	if r.r == r.w {
		if err := r.Fill(); err != nil {
			return 0, unexpected(err)
		}
	}
	n := copy(p, r.buf[r.r:r.w])
	r.r += n
	return n, nil
}

// line returns the next line without its end, of at most limit bytes.
func (r *Reader) line(limit int) ([]byte, error) {
	for {
		data := r.buf[r.r:r.w]
		end := bytes.IndexByte(data, '\n')
		if end > limit || (end < 0 && len(data) > limit) {
			return nil, errChunk
		}
		if end >= 0 {
			if end == 0 || data[end-1] != '\r' {
				return nil, errChunk
			}
			r.r += end + 1
			return data[:end-1], nil
		}
		if err := r.Fill(); err != nil {
			return nil, unexpected(err)
		}
	}
}

// unexpected is err, and io.ErrUnexpectedEOF for an end in the middle.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
