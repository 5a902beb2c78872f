package proxy

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
)

// token is what a client carries: its endpoint's session, when it began and when
// it was last used, in seconds.
type token struct {
	session     string
	began, last int64
}

func parseToken(text string) (token, bool) {
	session, rest, ok := strings.Cut(text, ".")
	began, last, also := strings.Cut(rest, ".")
	if !ok || !also || session == "" {
		return token{}, false
	}
	b, err := strconv.ParseInt(began, 36, 64)
	l, err2 := strconv.ParseInt(last, 36, 64)
	return token{session, b, l}, err == nil && err2 == nil
}

func (t token) String() string {
	return t.session + "." + strconv.FormatInt(t.began, 36) + "." + strconv.FormatInt(t.last, 36)
}

// carried returns the session that the request carries, unless it has ended.
func (f *flow) carried() (token, bool) {
	rule := f.found.Rule.Persistence
	text := ""
	if rule.Header != "" {
		text = f.x.Request.Header.Get(rule.Header)
	}
	for cookies := range f.x.Request.Header.Values("Cookie") {
		if value, ok := cookie(cookies, rule.Cookie); ok && rule.Header == "" {
			text = value
			break
		}
	}
	t, ok := parseToken(text)
	now := f.x.Start.Unix()
	ended := rule.Absolute > 0 && now-t.began >= int64(rule.Absolute/time.Second) ||
		rule.Idle > 0 && now-t.last >= int64(rule.Idle/time.Second)
	return t, ok && !ended
}

func cookie(cookies, name string) (string, bool) {
	for pair := range strings.SplitSeq(cookies, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && key == name {
			return strings.Trim(value, `"`), true
		}
	}
	return "", false
}

// sessionPool is the backend that has the endpoint of the request's session,
// whatever the weights say, or nil.
func (f *flow) sessionPool() *balance.Pool {
	if f.found.Rule.Persistence == nil {
		return nil
	}
	t, ok := f.carried()
	if !ok {
		return nil
	}
	for _, candidate := range f.found.Plan.targets {
		if candidate.slot == noSlot || !f.snapshot.pools[candidate.slot].HasSession(t.session) {
			continue
		}
		// A backend whose policies are its own has not been checked for them.
		if candidate != f.target && !samePolicies(candidate, f.target) {
			continue
		}
		f.session, f.target = t.session, candidate
		return f.snapshot.pools[candidate.slot]
	}
	return nil
}

func samePolicies(a, b *target) bool {
	return slices.Equal(a.authorizations, b.authorizations) && slices.Equal(a.limits, b.limits) && a.lifecycle == b.lifecycle
}

// persist gives the client the session of the endpoint that answered.
func (f *flow) persist() {
	rule := f.found.Rule.Persistence
	if rule == nil {
		return
	}
	now := f.x.Start.Unix()
	next := token{f.session, now, now}
	if old, ok := f.carried(); ok && old.session == f.session {
		if rule.Idle == 0 {
			return
		}
		next.began = old.began
	}
	if rule.Header != "" {
		f.response.Header.Set(rule.Header, next.String())
		return
	}
	f.response.Header.Add("Set-Cookie", f.cookie(rule, next).String())
}

func (f *flow) cookie(rule *gateway.Persistence, t token) *http.Cookie {
	c := &http.Cookie{
		Name: rule.Cookie, Value: t.String(), Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: f.x.Request.TLS != nil,
	}
	if rule.Permanent && rule.Absolute > 0 {
		c.MaxAge = int(t.began + int64(rule.Absolute/time.Second) - t.last)
	}
	return c
}
