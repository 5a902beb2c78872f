package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// attack is one line of the corpus.
type attack struct {
	status int
	raw    string
	why    string
}

func corpus(t testing.TB) []attack {
	t.Helper()
	file, err := os.Open("testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var attacks []attack
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		status, rest, _ := strings.Cut(line, " ")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		raw, _ := strconv.Unquote(quoted)
		code, err := strconv.Atoi(status)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		attacks = append(attacks, attack{code, raw, strings.TrimSpace(rest[len(quoted):])})
	}
	return attacks
}

// read reads one request and its content, as a front does.
func read(src io.Reader) (*Request, string, *Reader, error) {
	reader := NewReader(src, DefaultLimits)
	req := new(Request)
	for {
		complete, err := reader.Request(req)
		if err != nil {
			return nil, "", nil, err
		}
		if complete {
			break
		}
		if err := reader.Fill(); err != nil {
			return nil, "", nil, fmt.Errorf("incomplete: %w", err)
		}
	}
	var content Content
	content.Of(reader, req)
	body, err := io.ReadAll(&content)
	return req, string(body), reader, err
}

// TestSmuggling holds the parser to the corpus, however the bytes come.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	attacks := corpus(t)
	if len(attacks) < 100 {
		t.Fatalf("the corpus has %d requests", len(attacks))
	}
	for _, attack := range attacks {
		for _, src := range []io.Reader{strings.NewReader(attack.raw), iotest.OneByteReader(strings.NewReader(attack.raw))} {
			status := 200
			_, _, _, err := read(src)
			if refused, ok := errors.AsType[*Error](err); ok {
				status = refused.Status
			} else if err != nil {
				t.Errorf("%s: %q: %v", attack.why, attack.raw, err)
			}
			if status != attack.status {
				t.Errorf("%s: %q is answered with %d, not %d (%v)", attack.why, attack.raw, status, attack.status, err)
			}
		}
	}
}

// TestLimits holds heads to their sizes before all of them came.
func TestLimits(t *testing.T) {
	t.Parallel()
	const start = "GET / HTTP/1.1\r\nHost: a\r\n"
	for _, test := range []struct {
		name, raw string
		status    int
	}{
		{"a long line that never ends", "GET /" + strings.Repeat("a", 17<<10), 414},
		{"a long line", "GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		{"a long field that never ends", start + "X: " + strings.Repeat("a", 64<<10), 431},
		{"long fields", start + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 66) + "\r\n", 431},
		{"many fields", start + strings.Repeat("X: y\r\n", 200) + "\r\n", 431},
		{"a chunk's size that never ends", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;" + strings.Repeat("a", 300), 400},
		{"a trailer that never ends", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 300), 431},
	} {
		_, _, _, err := read(strings.NewReader(test.raw))
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != test.status {
			t.Errorf("%s: %v, want %d", test.name, err, test.status)
		}
	}
}

// TestPipeline reads requests that came at once, one after the other.
func TestPipeline(t *testing.T) {
	t.Parallel()
	one := "POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	reader := NewReader(strings.NewReader(fmt.Sprintf(one+one+one, 0, 1, 2)), DefaultLimits)
	req := new(Request)
	for i := range 3 {
		for {
			complete, err := reader.Request(req)
			if err != nil {
				t.Fatal(err)
			}
			if complete {
				break
			}
			if err := reader.Fill(); err != nil {
				t.Fatal(err)
			}
		}
		var content Content
		content.Of(reader, req)
		body, err := io.ReadAll(&content)
		if req.Path != fmt.Sprintf("/%d", i) || string(body) != "abc" || err != nil || !content.Finished() {
			t.Errorf("request %d: %s %q %v", i, req.Path, body, err)
		}
	}
}
