package dataplane

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Types of HTTP/2's frames, and the code by which a server says that it is too much.
const (
	headersFrame, resetFrame, settingsFrame, goAwayFrame = 1, 3, 4, 7
	enhanceYourCalm                                      = 11
)

// frame is one of HTTP/2's.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return append(binary.BigEndian.AppendUint32(append(head, flags), stream), payload...)
}

// streams are opened and taken back.
const streams = 3000

// TestRapidReset opens streams and takes them back at once, as fast as it can: the
// backend has no more requests at a time than one connection may have, whether the
// client is sent away for it or not, and others are served.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		var inside, most atomic.Int64
		behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/other" {
				return
			}
			for n := inside.Add(1); ; {
				if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
					break
				}
			}
			defer inside.Add(-1)
			<-r.Context().Done()
		}))
		t.Cleanup(behind.Close)
		p := open(t, config([]*gateway.Backend{backend("apis/echo:80", behind)}, rule("/", "apis/echo:80")), options{own: own})
		nc, from := p.dial()
		go func() { // it ends with the connection
			_, _ = nc.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, nil)...))
			block := []byte{0x82, 0x86, 0x84, 0x41, 1, 'a'} // GET, http, / and the authority a
			for stream := uint32(1); stream < 2*streams; stream += 2 {
				burst := append(frame(headersFrame, 5, stream, block), frame(resetFrame, 0, stream, []byte{0, 0, 0, 8})...)
				if _, err := nc.Write(burst); err != nil {
					return
				}
			}
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		for {
			head := make([]byte, 9)
			if _, err := io.ReadFull(from, head); err != nil {
				if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
					t.Fatal("the connection does not end")
				}
				break
			}
			payload := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
			_, _ = io.ReadFull(from, payload) // the next head tells
			if head[3] == goAwayFrame {
				if code := binary.BigEndian.Uint32(payload[4:]); code != enhanceYourCalm && code != 0 {
					t.Errorf("sent away with code %d", code)
				}
				break
			}
		}
		_ = nc.Close()
		if got, err := p.get(client(t), "/other"); err != nil || got.status != http.StatusOK {
			t.Errorf("another client: %d, %v", got.status, err)
		}
		until(t, "the backend is free again", func() bool { return inside.Load() == 0 })
		if n := most.Load(); n > 250 {
			t.Errorf("%d requests at a time reached the backend", n)
		}
	})
}
