package platformapi

import (
	"maps"
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

// FuzzPoint: an id that is taken is understood the same again, and a header Accept
// that names everything is one that takes it.
func FuzzPoint(f *testing.F) {
	f.Add("tenant-shop-dev:12,tenant-shop-prod:9")
	f.Add("a:1,,b:")
	f.Add("text/html;q=0.5, */*;q=0")
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := parsePoint(text); err == nil {
			if again, err := parsePoint(at.String()); err != nil || !maps.Equal(again, at) {
				t.Errorf("%q: %v, then %v, %v", text, at, again, err)
			}
		}
		if accepts([]string{text}, jsonText) && !accepts([]string{text, "application/json;q=1"}, jsonText) {
			t.Errorf("%q takes it, and with its name does not", text)
		}
	})
}
