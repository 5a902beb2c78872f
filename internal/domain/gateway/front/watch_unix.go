//go:build unix

package front

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// watcher looks whether the client goes away while an answer without a known
// length makes it wait, as a watch does: then nobody needs its next piece.
type watcher struct {
	conn    *conn
	body    http1.Body
	running sync.WaitGroup
	started bool
}

// start looks from now on. While the client still sends, there is nothing to see.
func (w *watcher) start() {
	if w.started || !w.conn.content.content.Finished() || len(w.conn.reader.Buffered()) > 0 {
		return
	}
	w.started = true
	below := w.conn.nc
	if w.conn.secure != nil {
		below = w.conn.secure.NetConn()
	}
	socket, ok := below.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil || w.conn.nc.SetReadDeadline(time.Time{}) != nil {
		return
	}
	w.running.Go(func() {
		if gone(raw) {
			_ = w.body.Close() // it makes the reader of the body return
		}
	})
}

// stop ends the watch.
func (w *watcher) stop() {
	if !w.started {
		return
	}
	_ = w.conn.nc.SetReadDeadline(time.Unix(1, 0)) // it fails only where the connection is closed
	w.running.Wait()
	w.conn.reading = time.Time{}
	w.started = false
}

// gone waits until the client closes the connection. A client that sends
// something is there.
func gone(raw syscall.RawConn) (closed bool) {
	err := raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			return false
		}
		closed = err != nil || n == 0
		return true
	})
	return err == nil && closed
}
