package proxy_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// TestParametersOfPaths: a path whose parameters decide which rule serves it is refused,
// because a backend that takes them off would serve what another rule guards.
func TestParametersOfPaths(t *testing.T) {
	t.Parallel()
	guarded := rule(prefix("/admin"), "web")
	guarded.Reject, guarded.RejectReason = 500, "guarded"
	written := rule(gateway.Match{Path: gateway.PathMatch{Exact: "/only;v=1"}}, "web")
	c := config([]*gateway.Backend{backendAt("web", echo(t, "web"))}, route(guarded, rule(prefix("/open"), "web"), written))
	g := open(t, c)
	public := config([]*gateway.Backend{backendAt("web", echo(t, "web"))}, route(guarded, rule(prefix("/"), "web")))
	all := open(t, public)
	for path, want := range map[string]struct {
		first, second int
		reason        string
	}{
		"/open/a;v=1/b": {200, 200, "both readings find the same rule"},
		"/admin;x":      {404, 400, "a servlet would serve /admin"},
		"/admin;x/y":    {404, 400, "and what is below it"},
		"/;x/admin":     {404, 400, "an element may be nothing but parameters"},
		"/admin%3Bx":    {404, 400, "some decode the semicolon first"},
		"/admin/x;y":    {500, 500, "the rule that guards serves both readings"},
		"/only;v=1":     {200, 200, "a rule may be written for a parameter, where no other has the path without"},
	} {
		first, _ := g.ask(t, "GET", path, "")
		second, _ := all.ask(t, "GET", path, "")
		if first.StatusCode != want.first || second.StatusCode != want.second {
			t.Errorf("%s: %d and %d, want %d and %d: %s", path, first.StatusCode, second.StatusCode, want.first, want.second, want.reason)
		}
	}
}
