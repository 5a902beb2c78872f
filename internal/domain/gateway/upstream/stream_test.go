package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// pipeBody is a body that comes when the test says so. Close makes Read return.
type pipeBody struct {
	*io.PipeReader
	closed atomic.Bool
}

func (b *pipeBody) Close() error {
	b.closed.Store(true)
	return b.PipeReader.Close()
}

func streamed(length int64) (*http1.Request, *pipeBody, *io.PipeWriter) {
	reader, writer := io.Pipe()
	body := &pipeBody{PipeReader: reader}
	req := post("/", "", length)
	req.Body = body
	return req, body, writer
}

// TestDuplex: the answer is read while the request is still sent.
func TestDuplex(t *testing.T) {
	t.Parallel()
	backend, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = io.WriteString(w, "got "+lines.Text()+"\n")
			w.(http.Flusher).Flush()
		}
	})
	transport := newTransport(t, Options{})
	req, _, writer := streamed(-1)
	res := new(http1.Response)
	written := make(chan struct{})
	go func() { defer close(written); _, _ = io.WriteString(writer, "one\n") }()
	if err := transport.RoundTrip(t.Context(), backend, backend.Endpoints[0], req, res); err != nil {
		t.Fatal(err)
	}
	<-written
	lines := bufio.NewReader(res.Body)
	for _, line := range []string{"two\n", "three\n", ""} {
		answer, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, "got ") {
			t.Fatalf("%q %v", answer, err)
		}
		_, _ = io.WriteString(writer, line)
	}
	_ = writer.Close()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	_ = res.Body.Close()
}

// TestEarlyAnswer: a backend need not read a body to refuse it.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	backend := script(t, func(_ int, nc net.Conn, requests *bufio.Reader) {
		if _, err := http.ReadRequest(requests); err == nil {
			_, _ = io.WriteString(nc, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		}
		_, _ = io.Copy(io.Discard, requests)
	})
	for _, length := range []int64{-1, 1 << 30} {
		req, body, writer := streamed(length)
		go func() {
			for {
				if _, err := writer.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}()
		res, answer := mustAsk(t, newTransport(t, Options{}), backend, req)
		if res.Status != 413 || answer != "no" {
			t.Errorf("%d %q", res.Status, answer)
		}
		if !body.closed.Load() {
			t.Error("the body is left open")
		}
	}
}

// TestBodyFails: the client is to blame, and the backend is not told that the
// part was the whole.
func TestBodyFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, length := range map[string]int64{"chunked": -1, "long": 1 << 20, "short": 100} {
		whole := make(chan error, 1)
		backend := script(t, func(_ int, _ net.Conn, requests *bufio.Reader) {
			whole <- readRequest(requests)
		})
		req, _, writer := streamed(length)
		go func() {
			_, _ = io.WriteString(writer, "part")
			_ = writer.CloseWithError(broken)
		}()
		_, _, err := ask(t, newTransport(t, Options{}), backend, req)
		if !errors.Is(err, ErrBody) || !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "short" && <-whole == nil {
			t.Errorf("%s: the backend takes the part for the whole", name)
		}
	}
}

// TestBodyIsNotAsLongAsSaid: a length that is wrong would shift all that follows.
func TestBodyIsNotAsLongAsSaid(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"shorter": strings.Repeat("a", 50_000), "longer": strings.Repeat("a", 70_000)} {
		backend := script(t, func(_ int, _ net.Conn, requests *bufio.Reader) { _ = readRequest(requests) })
		if _, _, err := ask(t, newTransport(t, Options{}), backend, post("/", text, 60_000)); !errors.Is(err, ErrBody) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	backend := script(t, func(number int, nc net.Conn, requests *bufio.Reader) {
		req, err := http.ReadRequest(requests)
		if err != nil || req.Header.Get("Upgrade") != "websocket" || req.Header.Get("Connection") != "Upgrade" {
			return
		}
		if number > 0 {
			_, _ = io.WriteString(nc, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
			return
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello ")
		_, _ = io.Copy(nc, requests)
	})
	transport := newTransport(t, Options{})
	req := get("/")
	req.Header = http1.Header{{Name: "Connection", Value: "upgrade"}, {Name: "Upgrade", Value: "websocket"}}
	res := new(http1.Response)
	conn, err := transport.Upgrade(t.Context(), backend, backend.Endpoints[0], req, res)
	if err != nil || conn == nil {
		t.Fatal(conn, err)
	}
	head := string(http1.AppendResponse(nil, res, http1.NoContent))
	for _, field := range []string{"HTTP/1.1 101", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: x"} {
		if !strings.Contains(head, field) {
			t.Errorf("%s is missing: %s", field, head)
		}
	}
	_, _ = io.WriteString(conn, "world")
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		t.Error("one side cannot be ended")
	}
	if all, err := io.ReadAll(conn); err != nil || string(all) != "hello world" {
		t.Errorf("%q %v", all, err)
	}
	_ = conn.Close()

	conn, err = transport.Upgrade(t.Context(), backend, backend.Endpoints[0], req, res)
	if err != nil || conn != nil || res.Status != 403 {
		t.Fatal(conn, err, res.Status)
	}
	if answer, err := io.ReadAll(res.Body); err != nil || string(answer) != "no" {
		t.Errorf("%q %v", answer, err)
	}
	_ = res.Body.Close()
}
