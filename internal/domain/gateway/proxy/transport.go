package proxy

import (
	"context"
	"io"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

var _ Transport = (*upstream.Transport)(nil)

// Transport asks endpoints.
type Transport interface {
	// RoundTrip sends the request and returns when the head of the answer is
	// there, or with an error of one of upstream's kinds. It takes hop-by-hop fields
	// out of both, MUST NOT change the request otherwise, and MUST be done with
	// its body once the answer's is closed or an error returned. The deadline and
	// the end of the context bound all of it, reading the body included.
	RoundTrip(ctx context.Context, backend *gateway.Backend, endpoint gateway.Endpoint, request *http1.Request, response *http1.Response) error
	// Upgrade is RoundTrip for a request to change the protocol. It returns the
	// connection where the answer is 101, and nil with any other answer.
	Upgrade(ctx context.Context, backend *gateway.Backend, endpoint gateway.Endpoint, request *http1.Request, response *http1.Response) (io.ReadWriteCloser, error)
}
