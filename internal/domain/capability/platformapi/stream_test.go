package platformapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// heard is an event as a client hears it. One without a kind tells an id alone.
type heard struct{ kind, id, data string }

// name is the claim that an event is about.
func (e heard) name() string {
	var claim struct {
		Metadata struct{ Name string }
	}
	_ = json.Unmarshal([]byte(e.data), &claim) // not every event has a claim
	return claim.Metadata.Name
}

// ear reads a stream of events.
type ear struct {
	*bufio.Scanner
	close func() error
	last  string // the id to come back with
}

// listen watches until the test ends, or the ear is closed.
func (a *api) listen(t *testing.T, token, query string, header map[string]string) *ear {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+"/v1/databases?watch=true"+query, nil)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "text/event-stream")
	for key, value := range header {
		request.Header.Set(key, value)
	}
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	return &ear{Scanner: bufio.NewScanner(response.Body), close: response.Body.Close}
}

// next is the next event of a kind that is asked for; all are when none is.
func (e *ear) next(t *testing.T, kinds ...string) heard {
	t.Helper()
	var now heard
	for e.Scan() {
		key, value, _ := strings.Cut(e.Text(), ": ")
		switch strings.TrimSuffix(key, ":") {
		case "event":
			now.kind = value
		case "id":
			now.id, e.last = value, value
		case "data":
			now.data = value
		case "":
			if now.kind != "" && (len(kinds) == 0 || slices.Contains(kinds, now.kind)) {
				return now
			}
			now = heard{}
		}
	}
	t.Fatalf("the stream ended: %v", e.Err())
	return now
}

func (e *ear) await(t *testing.T, kind, name string) {
	t.Helper()
	for e.next(t, kind).name() != name {
		continue
	}
}

func (a *api) watch(t *testing.T) {
	a.call(t, "shop", "POST", "/v1/databases", strings.Replace(orders, "orders", "seen", 1), nil)
	stream := a.listen(t, "shop", "", nil)
	stream.await(t, "ADDED", "seen")
	a.call(t, "workload", "PATCH", "/v1/databases/seen", `{"spec": {"connections": 8}}`, map[string]string{"Content-Type": "application/merge-patch+json"})
	stream.await(t, "MODIFIED", "seen")
	a.call(t, "bank", "POST", "/v1/databases", `{"metadata": {"name": "unseen"}, "spec": {}}`, nil)
	a.call(t, "shop", "DELETE", "/v1/databases/seen?namespace=api-shop-dev", "", nil)
	stream.await(t, "DELETED", "seen")
}

// resumed: who comes back with the id of the last event, or with the revision of a
// list, hears what happened meanwhile, deletions among it, and nothing else.
func (a *api) resumed(t *testing.T) {
	claim := func(name, namespace string) string {
		return strings.NewReplacer("orders", name, "api-shop-dev", namespace).Replace(orders)
	}
	for name, namespace := range map[string]string{"stays": "api-shop-dev", "goes": "api-shop-prod"} {
		a.call(t, "shop", "POST", "/v1/databases", claim(name, namespace), nil)
	}
	_, list, _ := a.call(t, "shop", "GET", "/v1/databases?limit=1", "", nil)
	_, second, _ := a.call(t, "shop", "GET", "/v1/databases?limit=1&continue="+fmt.Sprint(list["metadata"].(map[string]any)["continue"]), "", nil)
	revision := list["metadata"].(map[string]any)["resourceVersion"].(string)
	if again := second["metadata"].(map[string]any)["resourceVersion"]; again != revision {
		t.Errorf("the second page is of revision %v, the first of %s", again, revision)
	}
	stream := a.listen(t, "shop", "", nil)
	a.call(t, "shop", "PATCH", "/v1/databases/stays?namespace=api-shop-dev", `{"spec": {"connections": 8}}`, map[string]string{"Content-Type": "application/merge-patch+json"})
	stream.await(t, "MODIFIED", "stays")
	check(t, stream.close())
	a.call(t, "shop", "DELETE", "/v1/databases/goes?namespace=api-shop-prod", "", nil)
	a.call(t, "shop", "POST", "/v1/databases", claim("comes", "api-shop-dev"), nil)
	for how, again := range map[string]*ear{
		"by the last id": a.listen(t, "shop", "", map[string]string{"Last-Event-ID": stream.last + ",api-bank:1"}),
		"by revision":    a.listen(t, "shop", "&resourceVersion="+revision, nil),
	} {
		got := map[string]bool{}
		for len(got) < 2 {
			event := again.next(t)
			if event.kind != "MODIFIED" {
				got[event.kind+" "+event.name()] = true
			}
		}
		if !got["ADDED comes"] || !got["DELETED goes"] {
			t.Errorf("%s: %v", how, got)
		}
	}
	a.call(t, "shop", "DELETE", "/v1/databases/comes?namespace=api-shop-dev", "", nil)
	a.call(t, "shop", "DELETE", "/v1/databases/stays?namespace=api-shop-dev", "", nil)
	old := a.listen(t, "workload", "&resourceVersion=1", nil).next(t)
	if old.kind != "ERROR" || old.id != "" || !strings.Contains(old.data, `"status":410`) {
		t.Errorf("from what nobody remembers: %+v", old)
	}
	for _, bad := range []string{"x", "api-shop-dev", "api-shop-dev:-1", ":1"} {
		if status, said, _ := a.call(t, "shop", "GET", "/v1/databases?watch=true", "", map[string]string{"Last-Event-ID": bad}); status != http.StatusBadRequest {
			t.Errorf("the id %q: %d %v", bad, status, said)
		}
	}
}
