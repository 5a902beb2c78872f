package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// TestFraming sends every sort of answer to every sort of request.
func TestFraming(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 10_000)
	for name, test := range map[string]struct {
		method, version string
		res             http1.Response
		text            string // of the body; "" for none
		raw             string // what the answer ends with
		fields, without []string
		ends            bool
	}{
		"sized":             {"GET", "1.1", http1.Response{Status: 200, ContentLength: 3}, "abc", "\r\n\r\nabc", []string{"Content-Length: 3"}, []string{"Transfer-Encoding"}, false},
		"large":             {"GET", "1.1", http1.Response{Status: 200, ContentLength: int64(len(large))}, large, "\r\n\r\n" + large, []string{"Content-Length: 160000"}, nil, false},
		"unknown":           {"GET", "1.1", http1.Response{Status: 200, ContentLength: -1}, "abc", "\r\n\r\n00000003\r\nabc\r\n0\r\n\r\n", []string{"Transfer-Encoding: chunked"}, []string{"Content-Length"}, false},
		"unknown, 1.0":      {"GET", "1.0", http1.Response{Status: 200, ContentLength: -1}, "abc", "\r\n\r\nabc", []string{"Connection: close"}, []string{"Transfer-Encoding", "Content-Length"}, true},
		"trailer":           {"GET", "1.1", http1.Response{Status: 200, ContentLength: -1, Trailer: http1.Header{{Name: "X-Sum", Value: "1"}}}, "abc", "abc\r\n0\r\nX-Sum: 1\r\n\r\n", nil, nil, false},
		"none":              {"GET", "1.1", http1.Response{Status: 200, ContentLength: -1}, "", "\r\n\r\n", []string{"Content-Length: 0"}, nil, false},
		"HEAD":              {"HEAD", "1.1", http1.Response{Status: 200, ContentLength: 3}, "", "\r\n\r\n", []string{"Content-Length: 3"}, nil, false},
		"HEAD with a body":  {"HEAD", "1.1", http1.Response{Status: 200, ContentLength: 3}, "abc", "\r\n\r\n", []string{"Content-Length: 3"}, nil, false},
		"HEAD of unknown":   {"HEAD", "1.1", http1.Response{Status: 200, ContentLength: -1}, "", "\r\n\r\n", nil, []string{"Content-Length", "Transfer-Encoding"}, false},
		"204":               {"GET", "1.1", http1.Response{Status: 204, ContentLength: 0}, "", "\r\n\r\n", nil, []string{"Content-Length", "Transfer-Encoding"}, false},
		"304":               {"GET", "1.1", http1.Response{Status: 304, ContentLength: 7}, "", "\r\n\r\n", []string{"Content-Length: 7"}, nil, false},
		"a field of ours":   {"GET", "1.1", http1.Response{Status: 200, Header: http1.Header{{Name: "Connection", Value: "x"}, {Name: "Date", Value: "then"}, {Name: "content-length", Value: "9"}}}, "", "\r\n\r\n", []string{"Date: then", "Content-Length: 0"}, []string{"Connection", "content-length"}, false},
		"shorter than said": {"GET", "1.1", http1.Response{Status: 200, ContentLength: 9}, "abc", "", nil, nil, true},
		"longer than said":  {"GET", "1.1", http1.Response{Status: 200, ContentLength: 2}, "abc", "", nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, req *http1.Request) {
				if req.Path == "/next" {
					say(w, 200, "next")
					return
				}
				if test.text != "" {
					test.res.Body = io.NopCloser(strings.NewReader(test.text))
				}
				_, _ = w.Respond(&test.res)
			}), nil, Options{})
			nc, from := dial(t, address)
			_, _ = io.WriteString(nc, test.method+" / HTTP/"+test.version+"\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
			_, _ = io.WriteString(nc, "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			all, _ := io.ReadAll(from)
			got, next, follows := strings.Cut(string(all), "HTTP/1.1 200 OK\r\nContent-Length: 4")
			if follows == test.ends || (follows && !strings.HasSuffix(next, "next")) {
				t.Fatalf("%q", all)
			}
			if !strings.HasSuffix(got, test.raw) || strings.Contains(got, "abcc") {
				t.Errorf("ends with %q", got[max(0, len(got)-200):])
			}
			head, _, _ := strings.Cut(got, "\r\n\r\n")
			for _, field := range test.fields {
				if !strings.Contains(head, "\r\n"+field) {
					t.Errorf("without %s: %q", field, head)
				}
			}
			for _, field := range test.without {
				if strings.Contains(head, "\r\n"+field+":") && field != "Connection" {
					t.Errorf("with %s: %q", field, head)
				}
			}
		})
	}
}

// channelBody is a body whose pieces come when the test says so.
type channelBody struct {
	pieces chan string
	gone   chan struct{}
	closed atomic.Bool
}

func (b *channelBody) Read(p []byte) (int, error) {
	select {
	case piece, ok := <-b.pieces:
		if !ok {
			return 0, io.EOF
		}
		return copy(p, piece), nil
	case <-b.gone:
		return 0, errors.New("closed")
	}
}

func (b *channelBody) Close() error {
	if b.closed.CompareAndSwap(false, true) {
		close(b.gone)
	}
	return nil
}

// TestStreaming: each piece goes when it comes, the head before the first; and a
// client that goes away ends the body.
func TestStreaming(t *testing.T) {
	t.Parallel()
	body := &channelBody{pieces: make(chan string), gone: make(chan struct{})}
	failure := make(chan error, 1)
	_, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, _ *http1.Request) {
		_, err := w.Respond(&http1.Response{Status: 200, Body: body, ContentLength: -1})
		failure <- err
	}), nil, Options{})
	nc, from := dial(t, address)
	_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, piece := range []string{"one", "two"} {
		body.pieces <- piece
		got := make([]byte, 3)
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != piece {
			t.Errorf("%q %v", got, err)
		}
	}
	_ = nc.Close()
	var broken *exchange.BodyError
	if err := <-failure; !errors.As(err, &broken) || !body.closed.Load() {
		t.Errorf("the client is gone: %v", err)
	}
}

// TestBodyFails: what is not complete does not look complete, in any framing.
func TestBodyFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version string
		length  int64
	}{{"1.1", 100}, {"1.1", -1}, {"1.0", -1}} {
		_, address := start(t, handlerFunc(func(_ context.Context, w exchange.Responder, _ *http1.Request) {
			body := io.MultiReader(strings.NewReader("part"), failingReader{})
			_, err := w.Respond(&http1.Response{Status: 200, Body: io.NopCloser(body), ContentLength: test.length})
			var broken *exchange.BodyError
			if !errors.As(err, &broken) || !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%v", err)
			}
		}), nil, Options{})
		nc, from := dial(t, address)
		_, _ = io.WriteString(nc, "GET / HTTP/"+test.version+"\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(from, nil)
		if err != nil {
			continue // it was cut before the head
		}
		if got, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("HTTP/%s, length %d: %q looks complete", test.version, test.length, got)
		}
		_ = res.Body.Close()
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// countingConn counts writes.
type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestOneWrite: a small answer costs one write.
func TestOneWrite(t *testing.T) {
	t.Parallel()
	server, _ := start(t, handlerFunc(echo), nil, Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	nc, from := dial(t, listener.Addr().String())
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	counting := countingConn{accepted, new(atomic.Int64)}
	server.ServeConn(counting)
	for range 3 {
		_, _ = io.WriteString(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
		readReply(t, from, "POST")
	}
	if n := counting.writes.Load(); n != 3 {
		t.Errorf("%d writes for 3 answers", n)
	}
}
