package dataplane

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// TestConnectionNamesFields has a client name fields in Connection, which are for one
// connection only then: its own go no further, and those that the gateway adds for
// backends stay, whatever they speak.
func TestConnectionNamesFields(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]gateway.AppProtocol{"HTTP1": gateway.HTTP1, "H2C": gateway.H2C} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fronts(t, func(t *testing.T, own bool) {
				behind := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for _, field := range []string{"X-Roadbed-Tenant", "X-Request-Id", "X-Forwarded-For", "X-Mine", "Te", "X-Other"} {
						w.Header().Set("Got-"+field, r.Header.Get(field))
					}
				}))
				behind.Config.Protocols = new(http.Protocols)
				behind.Config.Protocols.SetHTTP1(protocol == gateway.HTTP1)
				behind.Config.Protocols.SetUnencryptedHTTP2(protocol == gateway.H2C)
				behind.Start()
				t.Cleanup(behind.Close)
				c := limited(1, 1000)
				b := backend("apis/echo:80", behind)
				b.Protocol = protocol
				c.Backends[b.ID] = b
				route := &c.Listeners[0].Routes[0].Rules[0]
				route.Filters.Redirect, route.Backends = nil, []gateway.Weighted{{Backend: b.ID, Weight: 1}}
				p := open(t, c, options{own: own})
				answers := p.exchange(t, "GET /r0 HTTP/1.1\r\nHost: a\r\nX-Api-Key: key of shop\r\nX-Mine: 1\r\nX-Other: 2\r\nTE: trailers\r\n"+
					"Connection: close, X-Roadbed-Tenant, x-request-id, X-Mine, TE, x-forwarded-for\r\n\r\n")
				if len(answers) != 1 || answers[0].status != http.StatusOK {
					t.Fatalf("%v", answers)
				}
				got := answers[0].header
				if got.Get("Got-X-Roadbed-Tenant") != "shop" || got.Get("Got-X-Request-Id") == "" || got.Get("Got-X-Forwarded-For") == "" || got.Get("Got-X-Other") != "2" {
					t.Errorf("the client took away what the gateway adds: %v", got)
				}
				if mine := fmt.Sprint(got.Get("Got-X-Mine"), got.Get("Got-Te")); mine != "" {
					t.Errorf("fields for one connection went on: %q", mine)
				}
			})
		})
	}
}
