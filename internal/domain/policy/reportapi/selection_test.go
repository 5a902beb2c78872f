package reportapi

import (
	"testing"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// FuzzParsePlace: no token of a client's breaks the server, and one that is
// taken is one that the server would write.
func FuzzParsePlace(f *testing.F) {
	f.Add(place{Revision: 7, After: "uid"}.encode())
	f.Add("")
	f.Add("e30")
	f.Add("eyJyZXZpc2lvbiI6LTF9")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := parsePlace(token)
		if err != nil {
			return
		}
		if again, err := parsePlace(p.encode()); err != nil || again != p {
			t.Errorf("%q is %+v, and that is %+v again, %v", token, p, again, err)
		}
	})
}

// TestSelection: what the history is asked for is never less than what matches.
func TestSelection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		labels, fields string
		want           history.Query
	}{
		{"everything", "", "", history.Query{Namespaced: true}},
		{"one by name", "", "metadata.name=u", history.Query{Namespaced: true, UID: "u"}},
		{"a namespace by field", "", "metadata.namespace=n", history.Query{Namespaced: true, Namespace: "n"}},
		{"a tenant", "tenancy.roadbed.dev/tenant=t", "", history.Query{Namespaced: true, Tenant: "t"}},
		{"not a tenant", "tenancy.roadbed.dev/tenant!=t", "", history.Query{Namespaced: true}},
		{"by what the history does not know", "a=b", "scope.kind=Pod", history.Query{Namespaced: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			byLabel, err := labels.Parse(c.labels)
			if err != nil {
				t.Fatal(err)
			}
			s := selection{byLabel, fields.ParseSelectorOrDie(c.fields)}
			if got := s.query(kinds()[0], ""); got != c.want {
				t.Errorf("query %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestTurns: what several changes did to each object.
func TestTurns(t *testing.T) {
	t.Parallel()
	change := func(revision int64, uid string, before, after policy.Status) history.Change {
		return history.Change{Revision: revision, Subject: history.Subject{UID: uid}, Before: before, After: after}
	}
	got := turnsOf([]history.Change{
		change(1, "new", "", policy.Fail), change(2, "old", policy.Fail, policy.Pass), change(3, "new", "", policy.Pass),
		change(4, "brief", "", policy.Fail), change(5, "brief", policy.Fail, ""), change(6, "gone", policy.Fail, ""),
	})
	want := []turn{{history.Subject{UID: "old"}, 2, 0}, {history.Subject{UID: "new"}, 3, 2}, {history.Subject{UID: "brief"}, 5, 0}, {history.Subject{UID: "gone"}, 6, -1}}
	if len(got) != len(want) {
		t.Fatalf("turns %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("turn %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
