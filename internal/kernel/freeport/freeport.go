// Package freeport draws loopback ports for servers that a test starts as processes of
// their own, and which therefore cannot ask for any port that is free.
//
// Tests only import it.
package freeport

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// Linux gives outgoing connections the ports from 32768 on: one below is still free
// when the server that it was drawn for has started.
const first, count, draws = 12_000, 8_000, 200

// Draw returns an address of loopback that nothing listens on.
func Draw(t testing.TB) netip.AddrPort {
	t.Helper()
	for range draws {
		address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), first+rand.N[uint16](count))
		if listener, err := net.Listen("tcp", address.String()); err == nil && listener.Close() == nil {
			return address
		}
	}
	t.Fatalf("no free port between %d and %d on 127.0.0.1 in %d draws", first, first+count, draws)
	return netip.AddrPort{}
}
