package host

import (
	"slices"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		listener string
		route    []gatewayv1.Hostname
		want     []string
		ok       bool
		reason   string
	}{
		{"", nil, nil, true, "all may have all"},
		{"a.example.com", nil, []string{"a.example.com"}, true, "the listener's"},
		{"*.example.com", []gatewayv1.Hostname{"a.example.com", "b.org"}, []string{"a.example.com"}, true, "the narrower one"},
		{"a.example.com", []gatewayv1.Hostname{"*.example.com"}, []string{"a.example.com"}, true, "the narrower one"},
		{"*.example.com", []gatewayv1.Hostname{"example.com"}, nil, false, "a wildcard is not the name itself"},
		{"*.example.com", []gatewayv1.Hostname{"*.b.example.com"}, []string{"*.b.example.com"}, true, "a wildcard below a wildcard"},
		{"*.ample.com", []gatewayv1.Hostname{"x.example.com"}, nil, false, "names end at dots"},
	} {
		got, ok := Allowed(test.listener, test.route)
		if ok != test.ok || !slices.Equal(got, test.want) {
			t.Errorf("Allowed(%q, %q) = %q, %v; want %q: %s", test.listener, test.route, got, ok, test.want, test.reason)
		}
	}
}
