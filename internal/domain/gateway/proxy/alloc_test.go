//go:build !race

package proxy_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

func TestServingAllocatesNothing(t *testing.T) {
	p := proxy.New(instant{})
	defer p.Close()
	if err := p.Apply(manyRoutes(100)); err != nil {
		t.Fatal(err)
	}
	var x exchange.Exchange
	var r http1.Request
	if n := testing.AllocsPerRun(200, func() { once(p, &x, &r) }); n > 0 || x.Status != 204 {
		t.Errorf("a request allocates %v times, status %d", n, x.Status)
	}
}
