package proxy

import (
	"cmp"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
)

// ids makes request IDs: a random part of the process's, and a count that is
// mixed so that IDs tell nothing of the traffic.
type ids struct {
	high  uint64
	count atomic.Uint64
}

func (i *ids) begin() {
	i.high = rand.Uint64()
	i.count.Store(rand.Uint64())
}

func (i *ids) appendNext(to []byte) []byte {
	low := i.count.Add(0x9E3779B97F4A7C15)
	low = (low ^ low>>30) * 0xbf58476d1ce4e5b9
	return appendHex(appendHex(to, i.high), low^low>>27)
}

func appendHex(to []byte, value uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		to = append(to, digits[value>>shift&15])
	}
	return to
}

// identify gives the request an ID and a trace: the client's where they are sane.
func (f *flow) identify() {
	h := &f.x.Request.Header
	if id := h.Get("X-Request-Id"); saneID(id) {
		f.x.RequestID = id
	} else {
		from := len(f.arena)
		f.arena = f.proxy.ids.appendNext(f.arena)
		f.x.RequestID = f.made(from)
		h.Set("X-Request-Id", f.x.RequestID)
	}
	if parent := h.Get("Traceparent"); saneTrace(parent) {
		f.x.TraceParent = parent
	}
}

func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// saneTrace tells whether a traceparent is as W3C's Trace Context has it.
func saneTrace(parent string) bool {
	const version00 = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	if len(parent) < version00 || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return false
	}
	if parent[:2] == "ff" || parent[:2] == "00" && len(parent) != version00 {
		return false
	}
	for i := range version00 {
		c := parent[i]
		if i != 2 && i != 35 && i != 52 && !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return strings.Trim(parent[3:35], "0") != "" && strings.Trim(parent[36:52], "0") != ""
}

// shapeRequest makes of the client's request the backend's.
func (f *flow) shapeRequest() {
	r := f.x.Request
	h := &r.Header
	h.Del("Expect") // the front has answered it
	f.trace(h)
	f.forwarded(h)
	f.caller(h)
	f.keepBack(h)
	for _, change := range f.target.request {
		shape.Header(h, change)
		if host := hostOf(change); host != "" {
			r.Authority = host
		}
	}
	for _, rewrite := range f.target.rewrites {
		if rewrite.Hostname != "" {
			r.Authority = rewrite.Hostname
		}
		r.Path = shape.Path(rewrite.Path, r.Path, f.found.Match.Path.Prefix)
	}
}

// hostOf returns the Host that a change sets, or "".
func hostOf(change *gateway.HeaderChange) string {
	for _, field := range change.Set {
		if http1.EqualFold(field.Name, "Host") {
			return field.Value
		}
	}
	return ""
}

func (f *flow) trace(h *http1.Header) {
	if f.x.TraceParent == "" {
		h.Del("Traceparent")
		h.Del("Tracestate")
		return
	}
	h.Set("Traceparent", f.x.TraceParent)
}

// forwarded tells the backend who called what, as far as the gateway saw it.
func (f *flow) forwarded(h *http1.Header) {
	from := len(f.arena)
	for before := range h.Values("X-Forwarded-For") {
		f.arena = append(append(f.arena, before...), ", "...)
	}
	f.arena = f.x.Request.Remote.Addr().Unmap().AppendTo(f.arena)
	h.Set("X-Forwarded-For", f.made(from))
	h.Add("X-Forwarded-Proto", f.x.Request.Scheme)
	h.Add("X-Forwarded-Host", f.x.Request.Authority)
}

// caller tells the backend who calls.
func (f *flow) caller(h *http1.Header) {
	who := f.x.Identity
	if who == nil {
		return
	}
	for _, field := range [...]http1.Field{
		{Name: "X-Roadbed-Tenant", Value: who.Tenant}, {Name: "X-Roadbed-Subject", Value: who.Subject}, {Name: "X-Roadbed-Client", Value: who.Client},
	} {
		if field.Value != "" && shape.Sendable(field.Value) {
			h.Add(field.Name, field.Value)
		}
	}
}

// keepBack takes out what callers proved themselves with, unless the backend is to
// check it itself: whoever has it can call other APIs as the caller. Credentials that
// no policy has looked at are between the caller and the backend.
func (f *flow) keepBack(h *http1.Header) {
	byKey := f.x.Identity != nil && f.x.Identity.Kind == gateway.APIKey
	for _, policy := range f.target.authorizations {
		if _, verified := exchange.Bearer(h.Get("Authorization")); verified && len(policy.Issuers) > 0 && !policy.PassToken {
			h.Del("Authorization")
		}
		if byKey && !policy.PassAPIKey {
			h.Del(cmp.Or(policy.APIKeyHeader, "x-api-key"))
		}
	}
}
