package conformance

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/listen"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// frontVariable names the front that answers over HTTP/1.1: "net", which is
// net/http's and the product's default, or "own".
const frontVariable = "ROADBED_CONFORMANCE_FRONT"

// ownFront says whether the gateway's own front is judged.
func ownFront(t *testing.T) bool {
	t.Helper()
	switch front := os.Getenv(frontVariable); front {
	case "", "net":
		return false
	case "own":
		return true
	default:
		t.Fatalf("%s is %q: say net or own", frontVariable, front)
		return false
	}
}

// dataPlane is the gateway's proxy between its own sockets and its own upstream leg,
// joined as the product joins them.
type dataPlane struct {
	proxy     *proxy.Proxy
	transport *upstream.Transport
	sockets   *listen.Sockets
}

func newDataPlane(dial func(ctx context.Context, network, address string) (net.Conn, error), own bool) *dataPlane {
	transport := upstream.New(upstream.Options{Dial: dial})
	p := &dataPlane{transport: transport, proxy: proxy.New(transport)}
	p.sockets = listen.New(p.proxy, listen.Options{
		OwnFront: func([]*gateway.Listener) bool { return own }, DrainTimeout: 5 * time.Second,
	})
	return p
}

// Apply serves by the Config.
func (p *dataPlane) Apply(config *gateway.Config) error {
	p.transport.Update(config.Backends)
	return errors.Join(p.proxy.Apply(config), p.sockets.Apply(context.Background(), config))
}

func (p *dataPlane) stop() {
	p.sockets.Close()
	p.proxy.Close()
	p.transport.Close()
}
