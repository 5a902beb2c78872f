package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// newH2 is a transport that speaks HTTP/2 and nothing else.
func (p *pool) newH2() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(p.tls != nil)
	protocols.SetUnencryptedHTTP2(p.tls == nil)
	transport := &http.Transport{
		Protocols:           protocols,
		DisableCompression:  true,
		IdleConnTimeout:     p.options.IdleTimeout,
		TLSHandshakeTimeout: p.options.DialTimeout,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, p.options.DialTimeout)
			defer cancel()
			nc, err := p.options.Dial(ctx, network, p.address)
			if err != nil {
				return nil, &Error{ErrDial, p.endpoint, err}
			}
			return nc, nil
		},
	}
	if p.tls != nil {
		transport.TLSClientConfig = p.tls.Clone()
		transport.TLSClientConfig.NextProtos = []string{"h2"}
	}
	return transport
}

// roundTripH2 is RoundTrip over HTTP/2.
func (p *pool) roundTripH2(ctx context.Context, req *http1.Request, res *http1.Response) error {
	ctx, cancel := context.WithCancelCause(ctx)
	// A backend that keeps silent is given up like one of HTTP/1.1.
	patience := p.options.HeadTimeout
	if req.ContentLength < 0 {
		patience = p.options.BodyTimeout // it may answer only after the last of a stream
	}
	silence := p.options.Clock.AfterFunc(patience, func() { cancel(context.DeadlineExceeded) })
	answer, err := p.h2.RoundTrip(p.requestH2(ctx, req))
	silence.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return p.failedH2(err)
	}
	res.Status, res.Minor, res.ContentLength = answer.StatusCode, 1, answer.ContentLength
	fill(&res.Header, answer.Header)
	res.Header.DelHopByHop()
	res.Header.Del("content-length")
	if !http1.HasBody(req.Method, res.Status) || answer.Body == http.NoBody {
		fill(&res.Trailer, answer.Trailer)
		_ = answer.Body.Close() // there is nothing in it
		cancel(nil)
		return nil
	}
	res.Body = &bodyH2{pool: p, answer: answer, res: res, cancel: cancel}
	return nil
}

// requestH2 is the request as net/http has it. The strings of its header are
// used by the library's goroutines, which may outlive the exchange, so all of
// them are copied.
func (p *pool) requestH2(ctx context.Context, req *http1.Request) *http.Request {
	scheme := "http"
	if p.tls != nil {
		scheme = "https"
	}
	out := (&http.Request{
		Method:        strings.Clone(req.Method),
		URL:           p.url(scheme, req),
		Host:          strings.Clone(req.Authority),
		Proto:         "HTTP/2.0",
		ProtoMajor:    2,
		ContentLength: req.ContentLength,
		Header:        make(http.Header, len(req.Header)+1),
	}).WithContext(ctx)
	if req.Body != nil && req.ContentLength != 0 {
		out.Body = req.Body
	}
	header := req.Header.Clone()
	header.DelHopByHop()
	for _, field := range header {
		name := http.CanonicalHeaderKey(strings.Clone(field.Name))
		if name != "Host" && name != "Content-Length" && name != "Expect" {
			out.Header[name] = append(out.Header[name], strings.Clone(field.Value))
		}
	}
	if strings.HasPrefix(out.Header.Get("Content-Type"), "application/grpc") {
		out.Header.Set("Te", "trailers")
	}
	if out.Header["User-Agent"] == nil {
		out.Header["User-Agent"] = nil // or the library adds its own
	}
	return out
}

// url makes net/url write the path as it was sent: escapes stay what they are.
func (p *pool) url(scheme string, req *http1.Request) *url.URL {
	u := &url.URL{
		Scheme: scheme, Host: p.address, RawQuery: strings.Clone(req.Query),
		ForceQuery: req.HasQuery && req.Query == "",
	}
	path := strings.Clone(req.Path)
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	// An opaque part that begins so would be taken for a host.
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path) // its escapes were checked by the parser
	return u
}

func fill(header *http1.Header, from http.Header) {
	for name, values := range from {
		for _, value := range values {
			header.Add(name, value)
		}
	}
}

func (p *pool) failedH2(err error) error {
	if isTLS(err) {
		return &Error{ErrTLS, p.endpoint, err}
	}
	return failed(p.endpoint, err)
}

// bodyH2 is the body of an answer over HTTP/2.
type bodyH2 struct {
	pool   *pool
	answer *http.Response
	res    *http1.Response
	cancel context.CancelCauseFunc
	ended  atomic.Bool
}

// Read reads the answer; at its end the trailer is there.
func (b *bodyH2) Read(p []byte) (int, error) {
	n, err := b.answer.Body.Read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		if b.ended.CompareAndSwap(false, true) {
			fill(&b.res.Trailer, b.answer.Trailer)
		}
		return n, io.EOF
	}
	return n, failed(b.pool.endpoint, err)
}

// Close ends the stream.
func (b *bodyH2) Close() error {
	b.cancel(nil)
	return b.answer.Body.Close()
}
