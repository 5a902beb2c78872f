package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Handler is the front of net/http for the listeners of a socket.
func (p *Proxy) Handler(socket netip.AddrPort) http.Handler {
	return &handler{proxy: p, socket: socket}
}

// handler makes exchanges of net/http's requests.
type handler struct {
	proxy  *Proxy
	socket netip.AddrPort
	pool   sync.Pool
}

// served is what a request of net/http needs, used again for others.
type served struct {
	w        http.ResponseWriter
	r        *http.Request
	control  *http.ResponseController
	patience patience // with a client that does not read
	request  http1.Request
	exchange exchange.Exchange
	torn     bool // the answer's body ended before its end
	buffer   [32 << 10]byte
}

// ServeHTTP answers.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := h.pool.Get().(*served)
	if !ok {
		s = &served{}
	}
	s.w, s.r, s.control = w, r, http.NewResponseController(w)
	s.patience = patience{pause: h.proxy.pauses.write, set: s.control.SetWriteDeadline}
	if r.ProtoMajor < 2 {
		s.patience.renew() // the one of the request before may have passed
	}
	h.convert(s)
	s.exchange.Request, s.exchange.Start = &s.request, h.proxy.clock.Now()
	h.proxy.ServeExchange(r.Context(), h.socket, s, &s.exchange)
	torn := s.torn
	s.exchange.Reset()
	s.request.Reset()
	s.w, s.r, s.control, s.torn, s.patience = nil, nil, nil, false, patience{}
	h.pool.Put(s)
	if torn {
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	}
}

// convert makes of net/http's request one of ours.
func (h *handler) convert(s *served) {
	r, out := s.r, &s.request
	header := out.Header[:0]
	*out = http1.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, HasQuery: r.URL.ForceQuery || r.URL.RawQuery != "",
		Authority: r.Host, Scheme: "http", Minor: 1, ContentLength: r.ContentLength, TLS: r.TLS, Header: header,
	}
	if r.TLS != nil {
		out.Scheme = "https"
	}
	if raw := r.RequestURI; raw != "" && raw[0] == '/' {
		out.Path = raw[:pathLength(raw)]
	}
	if out.Path == "" && r.Method != http.MethodConnect {
		out.Path = "/" // of a URL without one
	}
	for name, values := range r.Header {
		for _, value := range values {
			out.Header.Add(name, value)
		}
	}
	if r.ContentLength != 0 {
		body := &clientBody{ReadCloser: r.Body, of: s.control, interrupt: r.ProtoMajor < 2}
		body.patience = patience{pause: h.proxy.pauses.read, set: s.control.SetReadDeadline}
		out.Body = body
	}
	if remote, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		out.Remote = remote
	}
}

// pathLength is how much of a request target is path.
func pathLength(target string) int {
	for i := range len(target) {
		if target[i] == '?' {
			return i
		}
	}
	return len(target)
}

var _ exchange.Responder = (*served)(nil)

// Respond writes the answer. Its strings are copied: net/http may write the head
// after the exchange has ended.
func (s *served) Respond(res *http1.Response) (int64, error) {
	header := s.w.Header()
	for _, field := range res.Header {
		name := http.CanonicalHeaderKey(strings.Clone(field.Name))
		header[name] = append(header[name], strings.Clone(field.Value))
	}
	s.length(header, res)
	s.w.WriteHeader(res.Status)
	if res.Body == nil || !http1.HasBody(s.r.Method, res.Status) {
		s.trailer(header, res)
		return 0, nil
	}
	n, err := s.body(res)
	if err == nil {
		s.trailer(header, res)
	}
	return n, err
}

// length says how long the body is, where that is known.
func (s *served) length(header http.Header, res *http1.Response) {
	known := res.ContentLength > 0 || res.ContentLength == 0 && res.Status != http.StatusNoContent && res.Status != http.StatusNotModified
	if known && res.Status >= http.StatusOK && !s.grpcOverH2(res) {
		header["Content-Length"] = []string{decimal(res.ContentLength)}
	}
}

// grpcOverH2 tells of answers whose trailer is all that follows the head.
func (s *served) grpcOverH2(res *http1.Response) bool {
	return s.r.ProtoMajor == 2 && len(res.Trailer) > 0
}

// body copies, and flushes whenever nothing more is there for now.
func (s *served) body(res *http1.Response) (int64, error) {
	ready, _ := res.Body.(interface{ Ready() bool })
	flusher, _ := s.w.(http.Flusher)
	total, flushed := int64(0), false
	for {
		if !flushed && flusher != nil && res.ContentLength < 0 && (ready == nil || !ready.Ready()) {
			flusher.Flush()
			flushed = true
		}
		n, err := res.Body.Read(s.buffer[:])
		if n > 0 {
			if failed := s.write(s.buffer[:n]); failed != nil {
				return total, failed
			}
			total, flushed = total+int64(n), false
		}
		switch {
		case errors.Is(err, io.EOF) && res.ContentLength > total:
			return total, s.tear(io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, s.tear(err)
		}
	}
}

// write sends a piece to a client that reads. With HTTP/2 a deadline ends the stream
// whether something is sent at that moment or not, so there is none between pieces.
func (s *served) write(piece []byte) error {
	s.patience.renew()
	_, err := s.w.Write(piece)
	if s.r.ProtoMajor >= 2 {
		s.patience.rest()
	}
	return err
}

// tear marks the connection to be cut.
func (s *served) tear(err error) error {
	s.torn = true
	return &exchange.BodyError{Err: err}
}

// trailer announces fields after the body.
func (s *served) trailer(header http.Header, res *http1.Response) {
	for _, field := range res.Trailer {
		name := http.TrailerPrefix + http.CanonicalHeaderKey(field.Name)
		header[name] = append(header[name], strings.Clone(field.Value))
	}
}

// Upgrade hands over the connection.
func (s *served) Upgrade(res *http1.Response) (io.ReadWriteCloser, error) {
	conn, buffered, err := s.control.Hijack()
	if err != nil {
		return nil, err
	}
	head := append([]byte("HTTP/1.1 "), decimal(int64(res.Status))+" "+http.StatusText(res.Status)+"\r\n"...)
	for _, field := range res.Header {
		head = append(append(append(append(head, field.Name...), ": "...), field.Value...), "\r\n"...)
	}
	if _, err := conn.Write(append(head, "\r\n"...)); err != nil {
		_ = conn.Close() // the client is gone
		return nil, err
	}
	return &hijacked{Conn: conn, reader: buffered.Reader}, nil
}

// hijacked is a client's connection with what net/http had read of it.
type hijacked struct {
	net.Conn
	reader interface {
		io.Reader
		Buffered() int
	}
}

// Read reads what was read before first.
func (h *hijacked) Read(p []byte) (int, error) {
	if n := h.reader.Buffered(); n > 0 {
		return h.reader.Read(p[:min(n, len(p))])
	}
	return h.Conn.Read(p)
}

// CloseWrite tells the client that nothing more comes.
func (h *hijacked) CloseWrite() error {
	switch c := h.Conn.(type) {
	case *net.TCPConn:
		return c.CloseWrite()
	case *tls.Conn:
		return c.CloseWrite()
	}
	return h.Close()
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
