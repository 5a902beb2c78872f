package host

import (
	"math/rand/v2"
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

// TestSetOverlapsAsItsNamesDo holds a Set against its names one by one.
func TestSetOverlapsAsItsNamesDo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"", "*.org", "a.org", "b.a.org", "*.a.org", "*.b.a.org", "c.b.a.org", "org", "*.com"}
	for range 2000 {
		var all Set
		var lists [][]string
		for range random.IntN(3) {
			lists = append(lists, pick(random, names))
			all.Add(lists[len(lists)-1])
		}
		mine := pick(random, names)
		want := slices.ContainsFunc(lists, func(list []string) bool { return overlapAny(list, mine) })
		if got := all.Overlaps(mine); got != want {
			t.Fatalf("%q overlaps %q: %v, want %v", mine, lists, got, want)
		}
	}
}

func pick(random *rand.Rand, names []string) []string {
	var some []string
	for range random.IntN(3) {
		some = append(some, names[random.IntN(len(names))])
	}
	return some
}

func overlapAny(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { _, ok := Overlap(x, y); return ok })
	})
}
