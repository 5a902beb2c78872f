//go:build linux

package main

import (
	"context"
	"net/netip"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// legs is the least of a proxy: both legs and nothing between them. What the
// gateway costs beyond is its own doing.
type legs struct {
	transport *upstream.Transport
	backend   *gateway.Backend
}

// ServeExchange passes the request on.
func (l *legs) ServeExchange(ctx context.Context, _ netip.AddrPort, w exchange.Responder, x *exchange.Exchange) {
	x.Request.Header.DelHopByHop()
	var res http1.Response
	if err := l.transport.RoundTrip(ctx, l.backend, l.backend.Endpoints[0], x.Request, &res); err != nil {
		res = http1.Response{Status: 502}
	}
	_, _ = w.Respond(&res) // the front knows what to do with the connection
	if res.Body != nil {
		_ = res.Body.Close()
	}
}
