package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// The kinds of failure. Every error of a Transport is one of them.
var (
	// ErrDial is an endpoint that cannot be connected to: it has seen nothing of
	// the request.
	ErrDial = errors.New("upstream: cannot connect")
	// ErrTLS is an endpoint that is not who it must be. It has seen nothing either.
	ErrTLS = errors.New("upstream: cannot verify")
	// ErrReused is a kept connection that ended before a byte of the answer came.
	// The endpoint most likely closed it for being idle; a request that may be
	// done twice can be sent again.
	ErrReused = errors.New("upstream: a kept connection ended before the answer")
	// ErrTimeout is a deadline that passed.
	ErrTimeout = errors.New("upstream: timeout")
	// ErrProtocol is an answer that is not the HTTP that is spoken here.
	ErrProtocol = errors.New("upstream: not HTTP")
	// ErrReset is a connection that ended in the middle.
	ErrReset = errors.New("upstream: the connection ended in the middle")
	// ErrBody is a client whose request body could not be read: it is the
	// client's fault. It wraps the body's error.
	ErrBody = errors.New("upstream: cannot read the request's body")
	// ErrCanceled is a context that ended.
	ErrCanceled = errors.New("upstream: given up")
	// ErrClosed is a Transport that was closed.
	ErrClosed = errors.New("upstream: closed")
)

// Error is what went wrong at which endpoint. It wraps its kind and its cause.
type Error struct {
	Kind     error
	Endpoint netip.AddrPort
	Cause    error
}

// Error says all of it.
func (e *Error) Error() string {
	return fmt.Sprintf("%v: %v: %v", e.Kind, e.Endpoint, e.Cause)
}

// Unwrap returns kind and cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Cause} }

// failed makes an Error of what a connection returned.
func failed(endpoint netip.AddrPort, cause error) error {
	if already, ok := errors.AsType[*Error](cause); ok {
		return already
	}
	return &Error{kindOf(cause), endpoint, cause}
}

func kindOf(cause error) error {
	if _, ok := errors.AsType[*http1.Error](cause); ok {
		return ErrProtocol
	}
	if errors.Is(cause, os.ErrDeadlineExceeded) || errors.Is(cause, context.DeadlineExceeded) {
		return ErrTimeout
	}
	if timeout, ok := errors.AsType[net.Error](cause); ok && timeout.Timeout() {
		return ErrTimeout
	}
	if errors.Is(cause, context.Canceled) {
		return ErrCanceled
	}
	return ErrReset
}
