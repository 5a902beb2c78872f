package rule

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Headers adds a filter's changes of headers to those of the filters before it.
func Headers(change *gateway.HeaderChange, filter *gatewayv1.HTTPHeaderFilter) *gateway.HeaderChange {
	if filter == nil {
		return change
	}
	if change == nil {
		change = &gateway.HeaderChange{}
	}
	for _, header := range filter.Set {
		change.Set = append(change.Set, gateway.NameValue{Name: string(header.Name), Value: header.Value})
	}
	for _, header := range filter.Add {
		change.Add = append(change.Add, gateway.NameValue{Name: string(header.Name), Value: header.Value})
	}
	change.Remove = append(change.Remove, filter.Remove...)
	return change
}

// Redirect is a filter's redirect.
func Redirect(filter *gatewayv1.HTTPRequestRedirectFilter) *gateway.Redirect {
	return &gateway.Redirect{
		Scheme: or(filter.Scheme, ""), Hostname: string(or(filter.Hostname, "")), Port: int(or(filter.Port, 0)),
		Path: pathChange(filter.Path), Status: or(filter.StatusCode, 302),
	}
}

// Rewrite is a filter's rewrite.
func Rewrite(filter *gatewayv1.HTTPURLRewriteFilter) *gateway.Rewrite {
	return &gateway.Rewrite{Hostname: string(or(filter.Hostname, "")), Path: pathChange(filter.Path)}
}

func pathChange(change *gatewayv1.HTTPPathModifier) gateway.PathChange {
	switch {
	case change == nil:
		return gateway.PathChange{}
	case change.Type == gatewayv1.FullPathHTTPPathModifier:
		return gateway.PathChange{Full: change.ReplaceFullPath}
	}
	return gateway.PathChange{Prefix: change.ReplacePrefixMatch}
}

// CORS is a filter's cross-origin policy.
func CORS(filter *gatewayv1.HTTPCORSFilter) *gateway.CORS {
	return &gateway.CORS{
		Origins: list(filter.AllowOrigins), Methods: list(filter.AllowMethods), Headers: list(filter.AllowHeaders),
		Exposed: list(filter.ExposeHeaders), Credentials: or(filter.AllowCredentials, false),
		MaxAge: time.Duration(filter.MaxAge) * time.Second,
	}
}

func list[T ~string](values []T) []string {
	made := make([]string, len(values))
	for i, value := range values {
		made[i] = string(value)
	}
	return made
}

// Share is which part of requests a mirror gets; 0 of 0 is all.
func Share(filter *gatewayv1.HTTPRequestMirrorFilter) (numerator, denominator int32) {
	switch {
	case filter.Fraction != nil:
		return filter.Fraction.Numerator, or(filter.Fraction.Denominator, 100)
	case filter.Percent != nil:
		return *filter.Percent, 100
	}
	return 0, 0
}

// Timeouts are a rule's.
func Timeouts(timeouts *gatewayv1.HTTPRouteTimeouts) (made gateway.Timeouts, err error) {
	if timeouts == nil {
		return made, nil
	}
	if made.Request, err = limit(timeouts.Request); err != nil {
		return made, err
	}
	made.Backend, err = limit(timeouts.BackendRequest)
	return made, err
}

// limit is a time that Gateway API says is none when it is zero.
func limit(d *gatewayv1.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	span, err := duration(*d)
	if err == nil && span == 0 {
		return -1, nil
	}
	return span, err
}

// duration reads a span of time as GEP-2257 has it: h, m, s and ms, no fractions.
func duration(d gatewayv1.Duration) (time.Duration, error) {
	if strings.ContainsAny(string(d), ".+-µun") {
		return 0, fmt.Errorf("%q is no duration: write it like 1m30s or 500ms", d)
	}
	span, err := time.ParseDuration(string(d))
	if err != nil || span < 0 {
		return 0, fmt.Errorf("%q is no duration: write it like 1m30s or 500ms", d)
	}
	return span, nil
}

// Retry is when another attempt is made.
func Retry(retry *gatewayv1.HTTPRouteRetry) (*gateway.Retry, error) {
	if retry == nil {
		return nil, nil
	}
	made := &gateway.Retry{Attempts: or(retry.Attempts, 1)}
	for _, code := range retry.Codes {
		made.Codes = append(made.Codes, int(code))
	}
	slices.Sort(made.Codes)
	if retry.Backoff == nil {
		return made, nil
	}
	var err error
	made.Backoff, err = duration(*retry.Backoff)
	return made, err
}

// Persistence is how a client's requests stay at an endpoint.
func Persistence(session *gatewayv1.SessionPersistence) (*gateway.Persistence, error) {
	if session == nil {
		return nil, nil
	}
	made := &gateway.Persistence{}
	name := or(session.SessionName, "roadbed-session")
	if or(session.Type, gatewayv1.CookieBasedSessionPersistence) == gatewayv1.HeaderBasedSessionPersistence {
		made.Header = name
	} else {
		made.Cookie = name
	}
	if session.CookieConfig != nil {
		made.Permanent = or(session.CookieConfig.LifetimeType, gatewayv1.SessionCookieLifetimeType) == gatewayv1.PermanentCookieLifetimeType
	}
	if session.AbsoluteTimeout == nil {
		return made, nil
	}
	var err error
	made.Absolute, err = duration(*session.AbsoluteTimeout)
	return made, err
}

// Weight is a backend's share.
func Weight(weight *int32) int { return int(max(0, min(or(weight, 1), math.MaxInt32))) }
