//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/front"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// serveGateway is the child that is Roadbed. It tells its address first.
func serveGateway(chain string, backend netip.AddrPort, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	transport := upstream.New(upstream.Options{})
	b := &gateway.Backend{
		ID: "shop/orders:80", Protocol: gateway.HTTP1, Endpoints: []gateway.Endpoint{{Address: backend}},
	}
	var handler front.Handler
	switch chain {
	case "legs":
		handler = &legs{transport, b}
	default:
		return fmt.Errorf("there is no chain %q", chain)
	}
	socket := netip.MustParseAddrPort(listener.Addr().String())
	server := front.New(socket, handler, http.NotFoundHandler(), front.Options{})
	fmt.Fprintln(out, socket)
	return server.Serve(listener)
}
