package rule

import (
	"testing"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestMethods(t *testing.T) {
	t.Parallel()
	exact, expressions := gatewayv1.GRPCMethodMatchExact, gatewayv1.GRPCMethodMatchRegularExpression
	for _, test := range []struct {
		service, method string
		kind            *gatewayv1.GRPCMethodMatchType
		path            string
		want            bool
		reason          string
	}{
		{"a.B", "C", nil, "/a.B/C", true, "both are exact"},
		{"a.B", "C", nil, "/a.B/CD", false, "both are exact"},
		{"a.B", "", &exact, "/a.B/D", true, "any method of the service"},
		{"", "C", &exact, "/x/C", true, "the method of any service"},
		{"", "C", &exact, "/x/y/C", false, "a service is one element"},
		{"a.*", "", &expressions, "/a.B/D", true, "a regular expression for the service"},
		{"a.*", "C", &expressions, "/b.B/C", false, "a regular expression for the service"},
	} {
		matches, err := GRPCMatches([]gatewayv1.GRPCRouteMatch{{Method: &gatewayv1.GRPCMethodMatch{Type: test.kind, Service: &test.service, Method: &test.method}}})
		if err != nil {
			t.Fatal(err)
		}
		p := matches[0].Path
		got := p.Exact == test.path || p.Prefix != "" && len(test.path) > len(p.Prefix) && test.path[:len(p.Prefix)+1] == p.Prefix+"/" ||
			p.Regexp != nil && p.Regexp.MatchString(test.path)
		if got != test.want {
			t.Errorf("%q.%q matches %s: %v, because %s", test.service, test.method, test.path, got, test.reason)
		}
	}
}

func TestZeroTimeoutIsNone(t *testing.T) {
	t.Parallel()
	zero, second := gatewayv1.Duration("0s"), gatewayv1.Duration("1s500ms")
	made, err := Timeouts(&gatewayv1.HTTPRouteTimeouts{Request: &zero, BackendRequest: &second})
	if err != nil || made.Request != -1 || made.Backend != 1500*time.Millisecond {
		t.Errorf("timeouts are %+v, %v", made, err)
	}
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"a.*", "(", "[^/]+", `\`, "(?i)x", "a)|(b"} {
		f.Add(seed, "abc")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		compiled, err := expression(text)
		if err == nil && compiled.MatchString(value) && compiled.FindString(value) != value {
			t.Errorf("%q matches a part of %q", text, value)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"1s", "1h30m", "-1s", "1.5s", "", "99999999999h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if span, err := duration(gatewayv1.Duration(text)); err == nil && span < 0 {
			t.Errorf("%q is %v", text, span)
		}
	})
}
