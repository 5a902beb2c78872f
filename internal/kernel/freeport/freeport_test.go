package freeport_test

import (
	"net"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
)

func TestDraw(t *testing.T) {
	t.Parallel()
	for range 20 {
		address := freeport.Draw(t)
		if port := address.Port(); port < 1024 || port >= 32768 {
			t.Errorf("port %d may be given to an outgoing connection, or needs rights", port)
		}
		listener, err := net.Listen("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() }) // whoever draws meanwhile draws another
	}
}
