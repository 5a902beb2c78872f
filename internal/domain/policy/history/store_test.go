package history_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// eachDatabase runs a test on SQLite and on PostgreSQL.
func eachDatabase(t *testing.T, run func(t *testing.T, store *history.Store, clock *clocktesting.FakePassiveClock)) {
	t.Helper()
	for _, dialect := range []struct {
		name  string
		where func(*testing.T) string
	}{
		{"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "history.db") }},
		{"postgres", func(t *testing.T) string { return postgrestest.Start(t) }},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			t.Parallel()
			db, name, err := database.Open(t.Context(), dialect.where(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			clock := clocktesting.NewFakePassiveClock(start)
			store, err := history.Open(t.Context(), db, name, clock)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := history.Open(t.Context(), db, name, clock); err != nil {
				t.Fatalf("open again: %v", err)
			}
			run(t, store, clock)
		})
	}
}

func pod(namespace, name string) history.Subject {
	return history.Subject{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name, UID: "uid-" + namespace + "-" + name, Tenant: namespace}
}

func result(rule string, status policy.Status) policy.Result {
	return policy.Result{Policy: "limits", Kind: "ValidatingPolicy", Rule: rule, Tier: policy.Default, Lane: policy.Native, Status: status, Message: string(status) + " " + rule}
}

// TestPutReplaces: what is stored is what was put last; a change is recorded
// only where one is.
func TestPutReplaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *history.Store, clock *clocktesting.FakePassiveClock) {
		subject := pod("shop", "web")
		put := func(results ...policy.Result) {
			t.Helper()
			if err := store.Put(t.Context(), history.Judgement{Subject: subject, Results: results}); err != nil {
				t.Fatal(err)
			}
		}
		put(result("cpu", policy.Fail), result("memory", policy.Pass))
		clock.SetTime(start.Add(time.Hour))
		put(result("cpu", policy.Fail), result("memory", policy.Pass)) // nothing changes
		put(result("cpu", policy.Pass), result("disk", policy.Pass))

		reports, err := store.Reports(t.Context(), history.Query{})
		if err != nil {
			t.Fatal(err)
		}
		want := []policy.Result{result("cpu", policy.Pass), result("disk", policy.Pass)}
		if len(reports) != 1 || cmp.Diff(want, reports[0].Results) != "" || reports[0].Subject != subject {
			t.Fatalf("reports %+v", reports)
		}
		if got := reports[0].Since[0]; !got.Equal(start.Add(time.Hour)) {
			t.Errorf("since %v", got)
		}
		changes, err := store.Changes(t.Context(), history.Query{}, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range changes {
			got = append(got, fmt.Sprintf("%s %s>%s", c.Rule, c.Before, c.After))
		}
		if diff := cmp.Diff([]string{"cpu >fail", "memory >pass", "cpu fail>pass", "disk >pass", "memory pass>"}, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		if revision, err := store.Revision(t.Context()); err != nil || revision != changes[len(changes)-1].Revision || revision != reports[0].Revision {
			t.Errorf("revision %d, %v; the report has %d", revision, err, reports[0].Revision)
		}
	})
}

// TestOnWaived: what an override begins to waive is told once, and again where the
// listener failed, because nothing was kept then.
func TestOnWaived(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *history.Store, _ *clocktesting.FakePassiveClock) {
		var told []string
		down := true
		store.OnWaived(func(_ context.Context, subject history.Subject, r policy.Result) error {
			if down {
				return errors.New("the disk is full")
			}
			told = append(told, subject.Name+" "+r.Policy+" "+r.Override)
			return nil
		})
		waived := func(rule, by string) policy.Result { return policy.Skipped(result(rule, policy.Fail), by) }
		put := func(results ...policy.Result) error {
			return store.Put(t.Context(), history.Judgement{Subject: pod("shop", "web"), Results: results})
		}
		if put(waived("cpu", "shop/a")) == nil {
			t.Error("it is kept though nobody heard of it")
		}
		down = false
		for _, results := range [][]policy.Result{
			{waived("cpu", "shop/a"), waived("memory", "shop/a"), result("disk", policy.Pass)},
			{waived("cpu", "shop/a"), waived("memory", "shop/a"), result("disk", policy.Fail)}, // nothing new
			{result("cpu", policy.Fail)},
			{waived("cpu", "shop/b")},
		} {
			if err := put(results...); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"web limits shop/a", "web limits shop/b"}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestReportsChoose by every field, and by page.
// TestTenantMoves: a namespace that changes hands takes its results along, though
// no policy says anything new.
func TestTenantMoves(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *history.Store, _ *clocktesting.FakePassiveClock) {
		moved := pod("a", "web")
		for _, tenant := range []string{"payments", "search"} {
			moved.Tenant = tenant
			if err := store.Put(t.Context(), history.Judgement{Subject: moved, Results: []policy.Result{result("one", policy.Fail)}}); err != nil {
				t.Fatal(err)
			}
		}
		for tenant, want := range map[string]int{"payments": 0, "search": 1} {
			reports, err := store.Reports(t.Context(), history.Query{Tenant: tenant})
			if err != nil {
				t.Fatal(err)
			}
			if len(reports) != want {
				t.Errorf("reports of %s: %d, want %d", tenant, len(reports), want)
			}
		}
	})
}

func TestReportsChoose(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *history.Store, _ *clocktesting.FakePassiveClock) {
		node := history.Subject{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "uid-node"}
		if err := store.Put(t.Context(),
			history.Judgement{Subject: pod("a", "1"), Results: []policy.Result{result("cpu", policy.Fail)}},
			history.Judgement{Subject: pod("a", "2"), Results: []policy.Result{result("cpu", policy.Pass)}},
			history.Judgement{Subject: pod("b", "1"), Results: []policy.Result{result("cpu", policy.Pass), result("disk", policy.Fail)}},
			history.Judgement{Subject: node, Results: []policy.Result{{Policy: "nodes", Rule: "r", Status: policy.Pass}}},
		); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name  string
			query history.Query
			want  []string
		}{
			{"all", history.Query{}, []string{"uid-a-1", "uid-a-2", "uid-b-1", "uid-node"}},
			{"a namespace", history.Query{Namespace: "a"}, []string{"uid-a-1", "uid-a-2"}},
			{"no namespace", history.Query{Clustered: true}, []string{"uid-node"}},
			{"a tenant", history.Query{Tenant: "b"}, []string{"uid-b-1"}},
			{"a policy", history.Query{Policy: "nodes"}, []string{"uid-node"}},
			{"failures", history.Query{Status: policy.Fail}, []string{"uid-a-1", "uid-b-1"}},
			{"first page", history.Query{Limit: 2}, []string{"uid-a-1", "uid-a-2"}},
			{"second page", history.Query{Limit: 2, After: "uid-a-2"}, []string{"uid-b-1", "uid-node"}},
			{"one", history.Query{UID: "uid-b-1"}, []string{"uid-b-1"}},
		} {
			reports, err := store.Reports(t.Context(), test.query)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, report := range reports {
				got = append(got, report.Subject.UID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	})
}

// TestDelete forgets a subject and records the end of its results; Prune drops
// old changes, and revisions go on.
func TestDelete(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *history.Store, clock *clocktesting.FakePassiveClock) {
		if err := store.Put(t.Context(), history.Judgement{Subject: pod("a", "1"), Results: []policy.Result{result("cpu", policy.Fail)}}); err != nil {
			t.Fatal(err)
		}
		if err := store.Delete(t.Context(), "uid-a-1", "uid-unknown"); err != nil {
			t.Fatal(err)
		}
		if uids, err := store.UIDs(t.Context()); err != nil || len(uids) != 0 {
			t.Errorf("uids %v, %v", uids, err)
		}
		before, err := store.Revision(t.Context())
		if err != nil || before != 2 {
			t.Fatalf("revision %d, %v", before, err)
		}
		clock.SetTime(start.Add(48 * time.Hour))
		if dropped, err := store.Prune(t.Context(), start.Add(time.Hour)); err != nil || dropped != 1 {
			t.Errorf("dropped %d, %v", dropped, err)
		}
		if after, err := store.Revision(t.Context()); err != nil || after != before {
			t.Errorf("revision %d after, %d before, %v", after, before, err)
		}
	})
}
