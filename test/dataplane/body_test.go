package dataplane

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// TestLargeBodies are refused by what they say of themselves, or when so much has come.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	const most = 100_000
	sized := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n)) }
	chunked := func(n int) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))
	}
	fronts(t, func(t *testing.T, own bool) {
		behind := record(t)
		p := open(t, config([]*gateway.Backend{backend("apis/echo:80", behind.Server)}, rule("/", "apis/echo:80")),
			options{own: own, proxy: []proxy.Option{proxy.WithMaxBody(most)}})
		for name, c := range map[string]struct {
			body string
			want int
		}{
			"Sized":     {sized(most), http.StatusOK},
			"Chunked":   {chunked(most), http.StatusOK},
			"Announced": {sized(most + 1), http.StatusRequestEntityTooLarge},
			"Streamed":  {chunked(most + 1), http.StatusRequestEntityTooLarge},
		} {
			answers := p.exchange(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+c.body)
			if len(answers) != 1 || answers[0].status != c.want || c.want == http.StatusOK && len(answers[0].body) != most {
				t.Errorf("%s: %d answers, want %d", name, len(answers), c.want)
			}
		}
	})
}
