package shape

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Path returns the path that a change makes of one whose prefix matched. A path
// change never touches the query.
func Path(change gateway.PathChange, path, prefix string) string {
	switch {
	case change.Full != nil:
		return rooted(*change.Full)
	case change.Prefix != nil:
		rest := strings.TrimPrefix(path, strings.TrimRight(prefix, "/"))
		return rooted(strings.TrimRight(*change.Prefix, "/") + rest)
	}
	return path
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// Target is what of a request a redirect keeps.
type Target struct {
	// Scheme and Host (without port) of the request.
	Scheme, Host string
	// Port of the listener, as its Gateway has it.
	Port int
	// Path, the Prefix of it that matched, and Query with its "?", or "".
	Path, Prefix, Query string
}

// Location returns the Location of a redirect. The port is left out where the
// scheme implies it.
func Location(r *gateway.Redirect, t Target) string {
	scheme, host, port := t.Scheme, t.Host, r.Port
	if r.Scheme != "" {
		scheme = r.Scheme
	}
	if r.Hostname != "" {
		host = r.Hostname
	}
	if port == 0 && r.Scheme == "" {
		port = t.Port
	}
	if port != 0 && port != wellKnown(scheme) {
		host += ":" + strconv.Itoa(port)
	}
	return scheme + "://" + host + Path(r.Path, t.Path, t.Prefix) + t.Query
}

func wellKnown(scheme string) int {
	if scheme == "https" {
		return 443
	}
	return 80
}

// RedirectStatus is the status of a redirect: 302 where it says none.
func RedirectStatus(r *gateway.Redirect) int {
	if r.Status == 0 {
		return http.StatusFound
	}
	return r.Status
}
