package http1

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
)

func unescape(path string) (string, error) { return url.PathUnescape(path) }

func TestHeader(t *testing.T) {
	t.Parallel()
	h := Header{{"A", "1"}, {"b", "2"}, {"a", "3"}, {"C", "4"}}
	if h.Get("B") != "2" || h.Has("d") || !h.Has("c") {
		t.Errorf("%v", h)
	}
	h.Set("a", "5")
	h.Set("d", "6")
	h.Del("b")
	var names []string
	for _, field := range h {
		names = append(names, field.Name+field.Value)
	}
	if got := strings.Join(names, " "); got != "A5 C4 d6" {
		t.Error(got)
	}
}

// TestHopByHop: what Connection names goes, wherever it stands.
func TestHopByHop(t *testing.T) {
	t.Parallel()
	h := Header{
		{"X-One", "1"},
		{"Keep", "1"},
		{"Connection", "close, x-one ,X-Two"},
		{"x-two", "1"},
		{"Keep-Alive", "1"},
		{"connection", "x-three"},
		{"TE", "trailers"},
		{"X-Three", "1"},
		{"Proxy-Authorization", "secret"},
		{"Keep", "2"},
	}
	h.DelHopByHop()
	if len(h) != 2 || h[0] != (Field{"Keep", "1"}) || h[1] != (Field{"Keep", "2"}) {
		t.Errorf("%v", h)
	}
}

// TestAppendFieldKeepsTheLine: a value cannot begin another field.
func TestAppendFieldKeepsTheLine(t *testing.T) {
	t.Parallel()
	got := string(AppendField(nil, "x-subject", "a\r\nx-roadbed-tenant: b\x00\tc"))
	if want := "x-subject: a  x-roadbed-tenant: b \tc\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAppendRequestKeepsTheLine: what came by HTTP/2 cannot begin another line,
// nor another version.
func TestAppendRequestKeepsTheLine(t *testing.T) {
	t.Parallel()
	got := string(AppendRequest(nil, &Request{Method: "GET", Path: "/a b\r\n", Query: "x HTTP/1.1", Authority: "a\r\nx: y"}))
	if want := "GET /a%20b%0D%0A?x%20HTTP/1.1 HTTP/1.1\r\nHost: a%0D%0Ax:%20y\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestIsValue compares eight at a time with one at a time.
func TestIsValue(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 19 {
			value := []byte("0123456789 abcdefgh")
			value[at] = byte(c)
			if isValue(value) != all(value, inValue) {
				t.Errorf("byte %#x at %d", c, at)
			}
		}
	}
}

func TestTrailer(t *testing.T) {
	t.Parallel()
	raw := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nGrpc-Status: 0\r\nContent-Length: 7\r\nX: y\r\n\r\n"
	res, body, err := readResponse(NewReader(strings.NewReader(raw), DefaultLimits), "GET")
	if err != nil || body != "abc" || len(res.Trailer) != 2 || res.Trailer.Get("grpc-status") != "0" || res.Trailer.Get("x") != "y" {
		t.Errorf("%q %v %v", body, res, err)
	}
}

// TestChunkHead: what is written in place is what the parser reads.
func TestChunkHead(t *testing.T) {
	t.Parallel()
	size := make([]byte, ChunkHead)
	PutChunkHead(size, 3)
	raw := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + string(size) + "abc\r\n" + string(AppendTrailer(nil, nil))
	if _, body, err := readResponse(NewReader(strings.NewReader(raw), DefaultLimits), "GET"); err != nil || body != "abc" {
		t.Errorf("%q %v", body, err)
	}
}

const typical = "GET /v1/databases/orders?limit=10 HTTP/1.1\r\n" +
	"Host: api.platform.example\r\nUser-Agent: kubectl/v1.37.2 (linux/amd64)\r\nAccept: application/json\r\n" +
	"Authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMifQ.c2lnbmF0dXJl\r\n" +
	"Accept-Encoding: gzip\r\n\r\n"

// TestNoAllocation holds the parser, the codec and the writer to their promise.
func TestNoAllocation(t *testing.T) {
	body := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	src := bytes.NewReader(nil)
	reader := NewReader(src, DefaultLimits)
	req, content, out := new(Request), new(Content), make([]byte, 0, 4096)
	buf := make([]byte, 512)
	for _, raw := range []string{typical, body} {
		allocated := testing.AllocsPerRun(100, func() {
			src.Reset([]byte(nil))
			reader.buf = append(reader.buf[:0], raw...)[:cap(reader.buf)]
			reader.r, reader.w, reader.seen = 0, len(raw), 0
			if complete, err := reader.Request(req); !complete || err != nil {
				t.Fatal(complete, err)
			}
			content.Of(reader, req)
			for {
				if _, err := content.Read(buf); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			req.Header.DelHopByHop()
			out = AppendRequest(out[:0], req)
		})
		if allocated > 0 {
			t.Errorf("%.0f allocations for %q", allocated, raw)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	req, out := new(Request), []byte(nil)
	reader := NewReader(bytes.NewReader(nil), DefaultLimits)
	b.ReportAllocs()
	for b.Loop() {
		reader.r, reader.seen = 0, 0
		reader.w = copy(reader.buf, typical)
		if complete, err := reader.Request(req); !complete || err != nil {
			b.Fatal(complete, err)
		}
		out = AppendRequest(out[:0], req)
	}
}
