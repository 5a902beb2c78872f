package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzRequest holds the parser against net/http: it may refuse more, never less,
// and where both take a request they see the same one, framed the same way.
func FuzzRequest(f *testing.F) {
	for _, attack := range corpus(f) {
		f.Add([]byte(attack.raw + "GET /next HTTP/1.1\r\n"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ours, body, reader, err := read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(reader.src)
		rest = append(bytes.Clone(reader.Buffered()), rest...)

		buffered := bufio.NewReader(bytes.NewReader(raw))
		theirs, err := http.ReadRequest(buffered)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", raw, err)
		}
		theirBody, err := io.ReadAll(theirs.Body)
		if err != nil {
			t.Fatalf("net/http refuses the body of %q: %v", raw, err)
		}
		theirRest, _ := io.ReadAll(buffered)
		same(t, "body", body, string(theirBody))
		same(t, "rest", string(rest), string(theirRest))
		same(t, "method", ours.Method, theirs.Method)
		same(t, "host", ours.Authority, strings.ToLower(theirs.Host))
		compareTarget(t, ours, theirs)
		compareHeader(t, ours.Header, theirs.Header)
	})
}

func compareTarget(t *testing.T, ours *Request, theirs *http.Request) {
	t.Helper()
	if ours.Method == http.MethodConnect {
		return // net/http leaves the target to who serves it
	}
	path := theirs.URL.EscapedPath()
	if theirs.URL.RawPath != "" {
		path = theirs.URL.RawPath
	}
	if path == "" {
		path = "/"
	}
	// net/http reads "//a/b" as a path too, but keeps what it unescaped only.
	if unescaped, err := unescape(ours.Path); err != nil || (path != ours.Path && unescaped != theirs.URL.Path) {
		t.Errorf("path %q, net/http has %q", ours.Path, path)
	}
	same(t, "query", ours.Query, theirs.URL.RawQuery)
}

// compareHeader tells whether net/http has the values of every field, but for
// those that it takes out.
func compareHeader(t *testing.T, ours Header, theirs http.Header) {
	t.Helper()
	for _, field := range ours {
		key := http.CanonicalHeaderKey(field.Name)
		if key == "Host" || key == "Transfer-Encoding" || key == "Content-Length" || key == "Trailer" {
			continue
		}
		var values []string
		for value := range ours.Values(field.Name) {
			values = append(values, value)
		}
		same(t, "header "+key, strings.Join(values, "|"), strings.Join(theirs[key], "|"))
	}
}

func same(t *testing.T, what, ours, theirs string) {
	t.Helper()
	if ours != theirs {
		t.Errorf("%s: %q, net/http has %q", what, ours, theirs)
	}
}

// FuzzResponse is FuzzRequest for answers.
func FuzzResponse(f *testing.F) {
	for _, raw := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nrest",
		"HTTP/1.0 404\r\nX: y\r\n\r\nto the end",
		"HTTP/1.1 204 No Content\r\n\r\nrest",
		"HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\nrest",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 200 OK\nX: y\n\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		reader := NewReader(bytes.NewReader(raw), DefaultLimits)
		ours, body, err := readResponse(reader, http.MethodGet)
		if err != nil {
			return
		}
		rest, _ := io.ReadAll(reader.src)
		rest = append(bytes.Clone(reader.Buffered()), rest...)
		buffered := bufio.NewReader(bytes.NewReader(raw))
		theirs, err := http.ReadResponse(buffered, &http.Request{Method: http.MethodGet})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", raw, err)
		}
		theirBody, err := io.ReadAll(theirs.Body)
		_ = theirs.Body.Close()
		if err != nil {
			t.Fatalf("net/http refuses the body of %q: %v", raw, err)
		}
		theirRest, _ := io.ReadAll(buffered)
		if ours.Status != theirs.StatusCode {
			t.Errorf("status %d, net/http has %d", ours.Status, theirs.StatusCode)
		}
		if ours.Status == http.StatusSwitchingProtocols {
			return // what follows is no HTTP
		}
		same(t, "body", body, string(theirBody))
		same(t, "rest", string(rest), string(theirRest))
		compareHeader(t, ours.Header, theirs.Header)
	})
}

func readResponse(reader *Reader, method string) (*Response, string, error) {
	res := new(Response)
	for {
		complete, err := reader.Response(res)
		if err != nil {
			return nil, "", err
		}
		if complete {
			break
		}
		if err := reader.Fill(); err != nil {
			return nil, "", err
		}
	}
	var content Content
	content.OfResponse(reader, method, res)
	body, err := io.ReadAll(&content)
	return res, string(body), err
}

// FuzzRoundTrip holds the writer to the parser: what was parsed, written and
// parsed again is the same message.
func FuzzRoundTrip(f *testing.F) {
	for _, attack := range corpus(f) {
		f.Add([]byte(attack.raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, _, _, err := read(bytes.NewReader(raw))
		if err != nil || first.Method == http.MethodConnect {
			return
		}
		first.Header.DelHopByHop()
		first.Header.Del("host")
		first.Header.Del("content-length")
		if first.Authority == "" {
			first.Authority = "a"
		}
		first.ContentLength = 0
		written := AppendRequest(nil, first)
		second, _, reader, err := read(bytes.NewReader(written))
		if err != nil {
			t.Fatalf("%q became %q: %v", raw, written, err)
		}
		if len(reader.Buffered()) > 0 {
			t.Errorf("%q became %q", raw, written)
		}
		second.Header.Del("host")
		second.Header.Del("content-length")
		same(t, "start", first.Method+first.Path+first.Query+first.Authority, second.Method+second.Path+second.Query+second.Authority)
		if len(first.Header) != len(second.Header) {
			t.Fatalf("%q became %q", first.Header, second.Header)
		}
		for i := range first.Header {
			same(t, "field", first.Header[i].Name+first.Header[i].Value, second.Header[i].Name+second.Header[i].Value)
		}
	})
}
