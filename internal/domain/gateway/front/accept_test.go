package front

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// poor is a listener of a process that has no file descriptors for a moment.
type poor struct {
	net.Listener

	left atomic.Int32
}

func (p *poor) Accept() (net.Conn, error) {
	if p.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return p.Listener.Accept()
}

// TestLackOfFileDescriptorsPasses wants a socket to be served again when there are
// some: nobody else would open it.
func TestLackOfFileDescriptorsPasses(t *testing.T) {
	t.Parallel()
	accepts, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lacks := &poor{Listener: accepts}
	lacks.left.Store(3)
	s := New(netip.MustParseAddrPort("127.0.0.1:80"), handlerFunc(echo), http.HandlerFunc(echoHTTP), Options{})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(lacks) }()
	t.Cleanup(func() { _ = s.Close() })
	conn, from := dial(t, accepts.Addr().String())
	select {
	case err := <-ended:
		t.Fatalf("the socket is served no more: %v", err)
	default:
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := readReply(t, from, http.MethodGet); got.status != http.StatusOK {
		t.Errorf("answered %d", got.status)
	}
}
