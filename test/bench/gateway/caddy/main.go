// Command caddy is Caddy with what it takes to be a reverse proxy, so that
// `make bench-gateway` can measure it in the same run. It is a module of its own
// because nothing of the product depends on Caddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func main() { caddycmd.Main() }
