package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// localBody is the body of an answer of the gateway's own.
type localBody struct{ rest []byte }

// Read reads what is left.
func (b *localBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close does nothing.
func (b *localBody) Close() error { return nil }

// Ready and Here say that nothing has to be waited for.
func (b *localBody) Ready() bool { return true }

// Here says that all of it is here.
func (b *localBody) Here() bool { return true }

// refuse answers with an error. It returns false for its callers to return.
func (f *flow) refuse(status int, flag exchange.Flag, reason, detail string) bool {
	f.x.Flag, f.x.Reason = flag, reason
	if f.grpc {
		f.refuseGRPC(status, detail)
		return false
	}
	body, err := json.Marshal(problem.New(status, detail))
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	f.text.rest = body
	f.response.Status, f.response.Body, f.response.ContentLength = status, &f.text, int64(len(f.text.rest))
	f.response.Header.Add("Content-Type", problem.ContentType)
	f.response.Header.Add("X-Content-Type-Options", "nosniff")
	f.local()
	return false
}

// refuseGRPC answers as gRPC over HTTP/2 wants it: 200, with the status that its
// mapping gives to HTTP's.
func (f *flow) refuseGRPC(status int, detail string) {
	f.response.Status = http.StatusOK
	h := &f.response.Header
	h.Add("Content-Type", "application/grpc")
	h.Add("Grpc-Status", strconv.Itoa(grpcStatus(status)))
	h.Add("Grpc-Message", strings.ReplaceAll(url.QueryEscape(detail), "+", " "))
	f.local()
}

// grpcStatus is the code that gRPC's clients would derive, but for a timeout, a
// body that is too large and a rate that is used up, which have codes.
func grpcStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return 13 // INTERNAL
	case http.StatusUnauthorized:
		return 16 // UNAUTHENTICATED
	case http.StatusForbidden:
		return 7 // PERMISSION_DENIED
	case http.StatusNotFound:
		return 12 // UNIMPLEMENTED
	case http.StatusRequestEntityTooLarge:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusGatewayTimeout:
		return 4 // DEADLINE_EXCEEDED
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		return 14 // UNAVAILABLE
	}
	return 2 // UNKNOWN
}

func isGRPC(r *http1.Request) bool {
	kind, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	return ok && (kind == "" || kind[0] == '+' || kind[0] == ';')
}

// local sends an answer of the gateway's own.
func (f *flow) local() {
	f.decorate()
	if err := f.send(); err != nil && f.x.Flag == exchange.FlagNone {
		f.cut(err)
	}
}

// decorate adds what every answer says, whoever made it.
func (f *flow) decorate() {
	h := &f.response.Header
	h.Set("X-Request-Id", f.x.RequestID)
	if f.target == nil {
		return
	}
	if f.target.cors != nil && f.origin != "" {
		f.target.cors.Decorate(f.origin, h)
	}
	if f.target.lifecycle != nil {
		f.target.lifecycle.Decorate(h)
	}
	if len(f.rates) > 0 {
		f.tellRates(h)
	}
}

// send hands the answer to the front.
func (f *flow) send() error {
	f.x.Status = f.response.Status
	n, err := f.w.Respond(&f.response)
	f.x.BytesOut = n
	return err
}
