package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// brief says which timeouts are short. Where others were short as well, a machine
// that has the test wait would be a slow client.
type brief struct{ idle, head, body bool }

// impatient is a plane with short timeouts.
func impatient(t *testing.T, own bool, behind *httptest.Server, of brief) *plane {
	t.Helper()
	const short = 200 * time.Millisecond
	o := options{own: own}
	if of.idle {
		o.sock.IdleTimeout = short
	}
	if of.head {
		o.sock.HeadTimeout = short
	}
	if of.body {
		o.sock.BodyTimeout, o.sock.WriteTimeout = short, short
		o.proxy = []proxy.Option{proxy.WithPauses(short, short)}
	}
	return open(t, config([]*gateway.Backend{backend("apis/echo:80", behind)}, rule("/", "apis/echo:80")), o)
}

// TestSlowClients are given up, however slowly they send.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		behind := record(t)
		for name, c := range map[string]struct {
			brief  brief
			reason string
			begin  string
			drip   string
			answer string // with which the answer begins, where there is one
		}{
			"Nothing": {brief{idle: true, head: true}, "a connection that says nothing is closed", "", "", ""},
			"Line":    {brief{head: true}, "a request line never ends", "GET /", "a", "HTTP/1.1 40"},
			"Head":    {brief{head: true}, "a head never ends, though it goes on", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", "HTTP/1.1 408"},
			"Body":    {brief{body: true}, "a body stops", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "", "HTTP/1.1 408"},
			"Chunk":   {brief{body: true}, "a chunk stops", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", "", "HTTP/1.1 408"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				nc, from := impatient(t, own, behind.Server, c.brief).dial()
				ctx, cancel := context.WithCancel(t.Context())
				dripped := make(chan struct{})
				_, _ = io.WriteString(nc, c.begin)
				go func() {
					defer close(dripped)
					for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil && c.drip != ""; <-tick.C {
						if _, err := io.WriteString(nc, c.drip); err != nil {
							return // given up
						}
					}
				}()
				text, err := io.ReadAll(from)
				cancel()
				<-dripped
				if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
					t.Fatalf("%s: the connection goes on", c.reason)
				}
				if len(text) > 0 && (c.answer == "" || !strings.HasPrefix(string(text), c.answer)) {
					t.Errorf("%s: %q", c.reason, text)
				}
				if len(text) == 0 && (own && c.answer != "" || name == "Body" || name == "Chunk") {
					t.Errorf("%s: no answer, want %s", c.reason, c.answer)
				}
			})
		}
	})
}

// TestSlowReaders are cut off when they read nothing of a long answer, so that the
// backend is free again.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		freed := make(chan struct{})
		behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(freed)
			for piece := make([]byte, 1<<20); r.Context().Err() == nil; {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}))
		t.Cleanup(behind.Close)
		nc, _ := impatient(t, own, behind, brief{body: true}).dial()
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		select {
		case <-freed:
		case <-time.After(patience):
			t.Error("the backend still sends to a client that does not read")
		}
	})
}

// TestSlowStreams holds HTTP/2, where a connection carries many requests, to the
// same: a body that stops ends its stream.
func TestSlowStreams(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		p := impatient(t, own, record(t).Server, brief{body: true})
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		reader, writer := io.Pipe()
		t.Cleanup(func() { _ = writer.Close() })
		go func() { _, _ = fmt.Fprint(writer, "abc") }()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address()+"/", reader)
		if err != nil {
			t.Fatal(err)
		}
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestTimeout || res.ProtoMajor != 2 {
			t.Errorf("%s %d, want 408", res.Proto, res.StatusCode)
		}
	})
}

// TestQuietStreams go on: a client that waits for the next piece of an answer is not
// slow.
func TestQuietStreams(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "one ")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(600 * time.Millisecond): // more than all timeouts
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "two")
		}))
		t.Cleanup(behind.Close)
		p := impatient(t, own, behind, brief{idle: true, head: true, body: true})
		for name, http2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				transport := &http.Transport{Protocols: new(http.Protocols)}
				transport.Protocols.SetHTTP1(!http2)
				transport.Protocols.SetUnencryptedHTTP2(http2)
				t.Cleanup(transport.CloseIdleConnections)
				var res *http.Response
				until(t, "the machine is quick enough to ask", func() bool {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address()+"/", strings.NewReader("x"))
					if err != nil {
						t.Fatal(err)
					}
					got, err := transport.RoundTrip(r)
					if err == nil && got.StatusCode != http.StatusOK {
						err = errors.Join(errors.New(got.Status), got.Body.Close())
					}
					res = got
					return err == nil
				})
				defer func() { _ = res.Body.Close() }()
				if text, err := io.ReadAll(res.Body); string(text) != "one two" || err != nil {
					t.Errorf("%s: %q, %v", res.Proto, text, err)
				}
			})
		}
	})
}
