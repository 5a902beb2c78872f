package shape_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
)

// TestReplacePrefix is the table of Gateway API's HTTPPathModifier.
func TestReplacePrefix(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ path, prefix, replacement, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
		{"/foo", "/", "/xyz", "/xyz/foo"},
	} {
		change := gateway.PathChange{Prefix: &tc.replacement}
		if got := shape.Path(change, tc.path, tc.prefix); got != tc.want {
			t.Errorf("%q of %q by %q: %q, want %q", tc.prefix, tc.path, tc.replacement, got, tc.want)
		}
	}
}
