package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"unsafe"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
)

// flow is the way of one request through the proxy. It is used again for others.
type flow struct {
	proxy    *Proxy
	ctx      context.Context
	snapshot *snapshot
	w        exchange.Responder
	x        *exchange.Exchange
	listener *listener
	found    *match.Found[*plan]
	target   *target
	response http1.Response
	rates    []rate
	origin   string
	session  string
	grpc     bool
	inbound  *inbound
	text     localBody
	// arena is what strings made for this request point into.
	arena []byte
}

func (f *flow) begin(ctx context.Context, w exchange.Responder, x *exchange.Exchange) {
	f.ctx, f.w, f.x, f.snapshot = ctx, w, x, f.proxy.current.Load()
	if x.Start.IsZero() {
		x.Start = f.proxy.clock.Now()
	}
	x.Method, x.Path = x.Request.Method, x.Request.Path
	x.Host = match.HostOf(x.Request.Authority)
}

// end tells the observer, and forgets the request.
func (f *flow) end() {
	f.x.Duration = f.proxy.clock.Since(f.x.Start)
	if f.inbound != nil {
		f.x.BytesIn = f.inbound.read()
	}
	f.proxy.observer.Done(f.x)
	response, arena, rates := f.response, f.arena[:0], f.rates[:0]
	response.Reset()
	clear(rates[:cap(rates)])
	*f = flow{proxy: f.proxy, response: response, arena: arena, rates: rates}
}

// serve is the way itself: each step answers, or leaves the request to the next.
func (f *flow) serve(address netip.AddrPort) {
	shape.Sanitize(&f.x.Request.Header)
	endToEnd(f.x.Request)
	f.identify()
	found := f.find(address)
	f.proxy.observer.Start(f.x)
	switch {
	case !found, f.preflight(), !f.authorize(), !f.enabled(), !f.charge(), f.redirect(), !f.measure():
		return
	}
	f.forward()
}

// endToEnd takes out what is for the client's connection only, before anything is added
// that the client could have named in Connection. A wish for WebSocket stays.
func endToEnd(r *http1.Request) {
	wished := upgrades(r)
	r.Header.DelHopByHop()
	if wished {
		r.Header.Add("Connection", "Upgrade")
		r.Header.Add("Upgrade", webSocket)
	}
}

// find chooses listener, rule and backend.
func (f *flow) find(address netip.AddrPort) bool {
	r := f.x.Request
	f.grpc = isGRPC(r)
	if f.snapshot == nil {
		return f.refuse(http.StatusServiceUnavailable, exchange.FlagNoRoute, "no Config yet", "The gateway is starting. Try again later.")
	}
	f.x.Config = f.snapshot.config
	if r.Method == http.MethodConnect { // what follows it is nobody's request
		f.response.Header.Add("Connection", "close")
		return f.refuse(http.StatusNotImplemented, exchange.FlagNoRoute, "CONNECT", "The gateway is no tunnel: it does not take the method CONNECT.")
	}
	path, err := match.Clean(r.Path)
	if err != nil {
		return f.refusePath(err)
	}
	r.Path, f.x.Path = path, path
	if !f.listen(address) {
		return false
	}
	f.found = f.listener.table.Find(f.x.Host, path, r)
	if f.found == nil {
		return f.refuse(http.StatusNotFound, exchange.FlagNoRoute, "no rule matches", "Nothing is served at this host and path.")
	}
	if bare := match.Bare(path); bare != path {
		if other := f.listener.table.Find(f.x.Host, bare, r); other != nil && other.Rule != f.found.Rule {
			return f.refusePath(match.ErrReadings)
		}
	}
	f.x.Route, f.x.Rule = f.found.Route, f.found.Rule
	f.target = f.found.Plan.next()
	if f.target.lifecycle != nil {
		f.x.Lifecycle = f.target.lifecycle.Lifecycle
	}
	if reject := f.found.Plan.reject; reject != 0 {
		return f.refuse(reject, exchange.FlagNoCluster, f.found.Plan.reason, "The gateway's configuration for this path is not complete.")
	}
	if f.target.cors != nil {
		f.origin = r.Header.Get("Origin")
	}
	return true
}

// refusePath answers to a path that does not mean the same to everybody.
func (f *flow) refusePath(why error) bool {
	return f.refuse(http.StatusBadRequest, exchange.FlagNoRoute, why.Error(), "The gateway does not take the path: "+why.Error()+".")
}

// listen chooses the listener: by host, and with TLS it must be the one whose
// certificate and client authorities the connection was made with.
func (f *flow) listen(address netip.AddrPort) bool {
	const detail = "Nothing is served at this host and path."
	s := f.snapshot.sockets[address]
	if s == nil {
		return f.refuse(http.StatusNotFound, exchange.FlagNoRoute, "no listener at the address", detail)
	}
	l, ok := s.listeners.First(f.x.Host)
	if tls := f.x.Request.TLS; tls != nil {
		by, known := s.listeners.First(match.HostOf(tls.ServerName))
		if !known || by != l {
			return f.refuse(http.StatusMisdirectedRequest, exchange.FlagNoRoute, "the host is another listener's than the TLS server name's",
				"The connection was made for another host. Open a new one for this host.")
		}
	}
	if !ok {
		return f.refuse(http.StatusNotFound, exchange.FlagNoRoute, "no listener answers to the host", detail)
	}
	f.listener, f.x.Listener = l, l.Listener
	if tls := f.x.Request.TLS; tls != nil {
		f.x.Request.TLS = verified(tls, l.TLS, f.x.Start)
	}
	return true
}

// preflight answers what a browser asks before it asks.
func (f *flow) preflight() bool {
	if f.target.cors == nil || !shape.IsPreflight(f.x.Request) {
		return false
	}
	f.response.Status = http.StatusNoContent
	f.target.cors.Preflight(&f.x.Request.Header, &f.response.Header)
	f.origin = ""
	f.local()
	return true
}

// authorize asks who calls and whether they may.
func (f *flow) authorize() bool {
	if len(f.target.authorizations) == 0 {
		return true
	}
	who, refusal := f.proxy.authorizer.Authorize(f.ctx, f.x, f.target.authorizations)
	if refusal == nil {
		f.x.Identity = who
		return true
	}
	if refusal.Challenge != "" {
		f.response.Header.Add("WWW-Authenticate", refusal.Challenge)
	}
	return f.refuse(refusal.Status, exchange.FlagUnauthorized, refusal.Reason, refusal.Detail)
}

// enabled holds back versions that the tenant has not switched on.
func (f *flow) enabled() bool {
	l := f.target.lifecycle
	if l == nil || l.Enabled(f.snapshot.config, f.x.Tenant()) {
		return true
	}
	return f.refuse(http.StatusNotFound, exchange.FlagNoFlag, "feature flag "+l.Flag+" is off", l.API+" "+l.Version+" is "+l.Stage+
		": it is served to tenants that have switched on the feature flag "+strconv.Quote(l.Flag)+".")
}

// redirect answers instead of a backend.
func (f *flow) redirect() bool {
	r := f.target.redirect
	if r == nil {
		return false
	}
	request := f.x.Request
	query := ""
	if request.HasQuery || request.Query != "" {
		query = "?" + request.Query
	}
	f.response.Header.Add("Location", shape.Location(r, shape.Target{
		Scheme: request.Scheme, Host: f.x.Host, Port: f.listener.port,
		Path: request.Path, Prefix: f.found.Match.Path.Prefix, Query: query,
	}))
	f.response.Status = shape.RedirectStatus(r)
	shapeAll(&f.response.Header, f.target)
	f.local()
	return true
}

func shapeAll(h *http1.Header, t *target) {
	for _, change := range t.response {
		shape.Header(h, change)
	}
}

// measure refuses bodies that say they are too large.
func (f *flow) measure() bool {
	most := f.found.Rule.MaxBody
	if most == 0 && !f.grpc { // a stream may go on for as long as it likes
		most = f.proxy.defaults.body
	}
	if most > 0 && f.x.Request.ContentLength > most {
		return f.tooLarge()
	}
	if f.x.Request.Body != nil {
		f.inbound = newInbound(f.x.Request.Body, most, f.found.Rule.Retry != nil || len(f.target.mirrors) > 0)
	}
	return true
}

func (f *flow) tooLarge() bool {
	return f.refuse(http.StatusRequestEntityTooLarge, exchange.FlagTooLarge, "the body is beyond the rule's limit", "The request's body is too large.")
}

// made returns what was appended to the arena since from as a string, which is
// good until the exchange ends.
func (f *flow) made(from int) string {
	part := f.arena[from:]
	return unsafe.String(unsafe.SliceData(part), len(part))
}
