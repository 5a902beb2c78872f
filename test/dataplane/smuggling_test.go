package dataplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// attack is a request of the corpus with the status it deserves.
type attack struct {
	raw    string
	status int
	why    string
}

// attacks are the corpus of package http1, and what only a whole front can be asked.
func attacks(t *testing.T) []attack {
	t.Helper()
	corpus, err := os.ReadFile("../../internal/domain/gateway/http1/testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []attack
	for line := range bytes.Lines(corpus) {
		code, rest, _ := strings.Cut(string(line), " ")
		status, err := strconv.Atoi(code)
		if err != nil {
			continue // a remark
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := strconv.Unquote(quoted)
		all = append(all, attack{raw, status, strings.TrimSpace(rest[len(quoted):])})
	}
	const head = "GET / HTTP/1.1\r\nHost: a\r\n"
	return append(all,
		attack{"GET /" + strings.Repeat("a", 80<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, "a request line that is too long"},
		attack{"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501, "a tunnel"},
		attack{"CONNECT /path HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", 400, "a tunnel to a path, with a body"},
		attack{head + "Connection: Upgrade\r\nUpgrade: foo, h2c\r\n\r\n", 200, "HTTP/2 behind another protocol"},
		attack{head + "X: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", 431, "a field that is too long"},
		attack{head + strings.Repeat("X-Field: "+strings.Repeat("a", 1000)+"\r\n", 80) + "\r\n", 431, "a head that is too long"},
	)
}

// wait is how long the gateway waits for clients that send too little.
const wait = 500 * time.Millisecond

// TestSmuggling sends each attack with another request behind it. Our own front gives
// it its status, and ends the connection where that is no success. net/http's takes
// more, in its own way, but never in two: whatever the front, the request behind it
// reaches the backend only where the client gets its answer, and nothing tells of what
// is behind the gateway.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		behind := record(t)
		p := open(t, config([]*gateway.Backend{backend("apis/echo:80", behind.Server)}, rule("/", "apis/echo:80")), options{
			own: own, sock: listen.Options{HeadTimeout: wait, IdleTimeout: wait, BodyTimeout: wait},
			proxy: []proxy.Option{proxy.WithPauses(wait, wait)},
		})
		for i, a := range attacks(t) {
			next := fmt.Sprint("/next-", i)
			answers := p.exchange(t, a.raw+"GET "+next+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			told := 0
			for _, got := range answers {
				if got.header.Get(marked) == next {
					told++
				}
				if text := got.body + strings.Join(values(got.header), " "); strings.Contains(text, behind.Listener.Addr().String()) || strings.Contains(text, "goroutine") {
					t.Errorf("%s: the answer tells of the inside: %q", a.why, text)
				}
			}
			if asked := behind.asked(next); asked != told {
				t.Errorf("%s: %q: the backend was asked for the next request %d times, the client told of %d", a.why, cut(a.raw), asked, told)
			}
			checkAttack(t, own, a, answers)
		}
	})
}

func checkAttack(t *testing.T, own bool, a attack, answers []answer) {
	t.Helper()
	if len(answers) == 0 {
		t.Errorf("%s: %q has no answer", a.why, cut(a.raw))
		return
	}
	got := answers[0].status
	switch {
	case a.status == http.StatusOK && got == http.StatusNotFound && strings.HasPrefix(a.raw, "OPTIONS *"): // no route has it
	case (own || a.status == http.StatusOK) && got != a.status:
		t.Errorf("%s: %q: %d, want %d", a.why, cut(a.raw), got, a.status)
	case own && got != http.StatusOK && len(answers) > 1:
		t.Errorf("%s: %q was refused, and the connection goes on: %v", a.why, cut(a.raw), answers)
	}
}

// exchange sends bytes and reads answers until the gateway ends the connection.
func (p *plane) exchange(t *testing.T, raw string) []answer {
	t.Helper()
	nc, from := p.dial()
	defer func() { _ = nc.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(nc, raw) // the gateway may not want all of it
	}()
	defer func() { <-sent }()
	method, _, _ := strings.Cut(raw, " ")
	var answers []answer
	for {
		res, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Errorf("%q: the connection neither ends nor goes on", cut(raw))
			}
			return answers
		}
		body, _ := io.ReadAll(res.Body) // a part says as much
		_ = res.Body.Close()
		answers = append(answers, answer{res.StatusCode, res.Header, string(body)})
		method = http.MethodGet
	}
}

func values(header http.Header) (all []string) {
	for _, list := range header {
		all = append(all, list...)
	}
	return all
}

// cut is what of a request a message quotes.
func cut(raw string) string { return raw[:min(len(raw), 200)] }
