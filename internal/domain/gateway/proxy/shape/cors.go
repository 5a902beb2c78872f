package shape

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// The header fields of the fetch standard's CORS protocol.
const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	allowMethods     = "Access-Control-Allow-Methods"
	allowHeaders     = "Access-Control-Allow-Headers"
	exposeHeaders    = "Access-Control-Expose-Headers"
	maxAge           = "Access-Control-Max-Age"
	requestMethod    = "Access-Control-Request-Method"
	requestHeaders   = "Access-Control-Request-Headers"
	wildcard         = "*"
)

// defaultMaxAge is Gateway API's.
const defaultMaxAge = 5 * time.Second

// CORS is a cross-origin policy, prepared.
type CORS struct {
	any                       bool
	origins                   []origin
	credentials               bool
	methods, headers, exposed string
	anyMethod, anyHeader      bool
	anyExposed                bool
	age                       string
}

// origin matches texts between which and the pattern a wildcard stands.
type origin struct {
	before, after string
	wild          bool
}

// NewCORS prepares a policy.
func NewCORS(policy *gateway.CORS) *CORS {
	age := policy.MaxAge
	if age <= 0 {
		age = defaultMaxAge
	}
	c := &CORS{credentials: policy.Credentials, age: strconv.FormatInt(int64(age/time.Second), 10)}
	for _, pattern := range policy.Origins {
		if pattern == wildcard {
			c.any = true
			continue
		}
		before, after, wild := strings.Cut(withoutPort(strings.ToLower(pattern)), wildcard)
		c.origins = append(c.origins, origin{before, after, wild})
	}
	c.methods, c.anyMethod = listed(policy.Methods)
	c.headers, c.anyHeader = listed(policy.Headers)
	c.exposed, c.anyExposed = listed(policy.Exposed)
	return c
}

func listed(names []string) (list string, all bool) {
	if slices.Contains(names, wildcard) {
		return "", true
	}
	return strings.Join(names, ", "), false
}

// withoutPort drops a port that the scheme implies.
func withoutPort(origin string) string {
	switch {
	case strings.HasPrefix(origin, "https://"):
		return strings.TrimSuffix(origin, ":443")
	case strings.HasPrefix(origin, "http://"):
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}

func (c *CORS) allows(text string) bool {
	if c.any {
		return true
	}
	text = withoutPort(strings.ToLower(text))
	for _, o := range c.origins {
		if o.covers(text) {
			return true
		}
	}
	return false
}

func (o *origin) covers(text string) bool {
	if !o.wild {
		return text == o.before
	}
	if len(text) <= len(o.before)+len(o.after) || !strings.HasPrefix(text, o.before) || !strings.HasSuffix(text, o.after) {
		return false
	}
	middle := text[len(o.before) : len(text)-len(o.after)]
	return !strings.ContainsAny(middle, "/:@?#")
}

// IsPreflight tells whether a request asks a cross-origin policy for leave.
func IsPreflight(request *http1.Request) bool {
	return request.Method == http.MethodOptions && request.Header.Has("Origin") && request.Header.Has(requestMethod)
}

// Preflight adds to an answer what a preflight is told. An origin that is not
// allowed is told nothing, which makes the browser refuse.
func (c *CORS) Preflight(request, answer *http1.Header) {
	if !c.grant(request.Get("Origin"), answer) {
		return
	}
	c.list(answer, allowMethods, c.methods, c.anyMethod, request.Get(requestMethod))
	c.list(answer, allowHeaders, c.headers, c.anyHeader, request.Get(requestHeaders))
	if !c.anyExposed && c.exposed != "" {
		answer.Set(exposeHeaders, c.exposed)
	}
	answer.Set(maxAge, c.age)
}

// list tells what is allowed: what the policy lists, or for a wildcard what was
// asked for. "*" itself would not allow Authorization, nor anything with
// credentials.
func (c *CORS) list(answer *http1.Header, name, allowed string, all bool, asked string) {
	if all {
		allowed = asked
		answer.Add("Vary", requestMethod+", "+requestHeaders)
	}
	if allowed != "" {
		answer.Set(name, allowed)
	}
}

// Decorate adds to the answer of a backend what browsers want to know; what the
// backend says of it is replaced.
func (c *CORS) Decorate(requestOrigin string, answer *http1.Header) {
	for _, name := range []string{allowOrigin, allowCredentials, exposeHeaders} {
		answer.Del(name)
	}
	if requestOrigin == "" || !c.grant(requestOrigin, answer) {
		return
	}
	switch {
	case c.anyExposed && c.credentials:
		answer.Set(exposeHeaders, names(*answer))
	case c.anyExposed:
		answer.Set(exposeHeaders, wildcard)
	case c.exposed != "":
		answer.Set(exposeHeaders, c.exposed)
	}
}

// names lists the names of fields; "*" means nothing with credentials.
func names(h http1.Header) string {
	seen := map[string]bool{}
	var all []string
	for _, field := range h {
		name := strings.ToLower(field.Name)
		if !seen[name] && name != "set-cookie" && !strings.HasPrefix(name, "access-control-") {
			seen[name] = true
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// grant tells an origin that it is allowed, and whether.
func (c *CORS) grant(origin string, answer *http1.Header) bool {
	if c.any && !c.credentials {
		answer.Set(allowOrigin, wildcard)
		return true
	}
	answer.Add("Vary", "Origin")
	if !c.allows(origin) {
		return false
	}
	answer.Set(allowOrigin, origin)
	if c.credentials {
		answer.Set(allowCredentials, "true")
	}
	return true
}
