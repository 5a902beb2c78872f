package platformapi

import (
	"net/url"
	"testing"
)

// FuzzAddress: whatever path and query are, what comes out is within bounds.
func FuzzAddress(f *testing.F) {
	f.Add("/v1/databases/orders", "namespace=dev")
	f.Add("/v1/databases", "limit=500&continue=eyJuIjoiYSJ9&watch=true")
	f.Add("//..%2f/", "limit=-1&limit=2")
	f.Fuzz(func(t *testing.T, path, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		at, err := parseAddress(path, values)
		if err != nil {
			return
		}
		if at.version == "" || at.api == "" || at.limit < 1 || at.limit > maxLimit || (at.name != "" && at.watch) || len(at.namespace) > 63 || len(at.name) > 253 {
			t.Errorf("%q %q: %+v", path, query, at)
		}
		if from, err := parsePage(at.next); err == nil && at.next != "" {
			if again, err := parsePage(from.token()); err != nil || again != from {
				t.Errorf("%+v, %v", again, err)
			}
		}
	})
}
