package proxy

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// replayable is how much of a body is kept for another attempt, or for mirrors.
const replayable = 64 << 10

var (
	errTooLarge = errors.New("the body is beyond the limit")
	errOver     = errors.New("the attempt is over")
)

// inbound is the body of a client's request: it is counted, bounded, and kept
// for another attempt as long as it is small.
type inbound struct {
	body http1.Body
	most int64

	mu      sync.Mutex // held while reading
	count   int64
	kept    []byte
	keeping bool
	ended   bool
	failed  error
}

func newInbound(body http1.Body, most int64, keep bool) *inbound {
	return &inbound{body: body, most: most, keeping: keep}
}

// read is how much has been read.
func (i *inbound) read() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count
}

// large tells whether the body turned out to be too large.
func (i *inbound) large() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Is(i.failed, errTooLarge)
}

// late tells whether the client did not send its body in time.
func (i *inbound) late() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Is(i.failed, os.ErrDeadlineExceeded)
}

// again tells whether another attempt would get all of the body.
func (i *inbound) again() bool {
	if i == nil {
		return true
	}
	if !i.mu.TryLock() {
		return false
	}
	defer i.mu.Unlock()
	return i.failed == nil && (i.count == 0 || i.keeping)
}

// small reads all of a body that can be kept, and tells whether it could.
func (i *inbound) small() ([]byte, bool) {
	reader := &leg{in: i}
	_, err := io.Copy(io.Discard, io.LimitReader(reader, replayable+1))
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kept, err == nil && i.keeping && i.ended
}

// leg is the body as one attempt reads it.
type leg struct {
	in   *inbound
	at   int
	over bool // guarded by in.mu
}

// Read reads what was kept, then what comes.
func (l *leg) Read(p []byte) (int, error) {
	i := l.in
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case l.over:
		return 0, errOver
	case l.at < len(i.kept):
		n := copy(p, i.kept[l.at:])
		l.at += n
		return n, nil
	case i.failed != nil:
		return 0, i.failed
	case i.ended:
		return 0, io.EOF
	}
	n, err := i.body.Read(p)
	i.count += int64(n)
	if i.most > 0 && i.count > i.most {
		n, err = 0, errTooLarge
	}
	i.keep(p[:n])
	if i.keeping {
		l.at += n
	}
	i.ended = errors.Is(err, io.EOF)
	if err != nil && !i.ended {
		i.failed = err
	}
	return n, err
}

func (i *inbound) keep(part []byte) {
	if !i.keeping {
		return
	}
	if len(i.kept)+len(part) > replayable {
		i.keeping, i.kept = false, nil
		return
	}
	i.kept = append(i.kept, part...)
}

// Close ends the attempt's use of the body. A read that waits for the client is
// made to return by closing the client's body, which then is good for nothing.
func (l *leg) Close() error {
	if l.in.mu.TryLock() {
		l.over = true
		l.in.mu.Unlock()
		return nil
	}
	return l.in.body.Close()
}
