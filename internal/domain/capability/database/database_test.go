package database_test

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/folder"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres/local"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/database"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	n := database.NamesOf("orders", "uid-1")
	a, b := n.Logins[0], n.Logins[1]
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	mark := func(age time.Duration) string { return n.Mark + " since " + now.Add(-age).Format(time.RFC3339) }
	const day = 24 * time.Hour
	for _, test := range []struct {
		name, known string
		marks       map[string]string
		every       time.Duration
		want        database.Turn
	}{
		{"the first is the first", "", nil, 0, database.Turn{Current: a, Fresh: true}},
		{"a lost Secret: workloads may still use the login", "", map[string]string{a: mark(day)}, 0, database.Turn{Current: b, Fresh: true}},
		{"in use", a, map[string]string{a: mark(9 * day)}, 0, database.Turn{Current: a}},
		{"due", a, map[string]string{a: mark(9 * day)}, 9 * day, database.Turn{Current: b, Fresh: true}},
		{"died before the Secret was written", a, map[string]string{a: mark(9 * day), b: mark(0)}, 9 * day, database.Turn{Current: b, Fresh: true}},
		{"the old one has its grace", b, map[string]string{a: mark(9 * day), b: mark(time.Hour)}, 9 * day, database.Turn{Current: b}},
		{"after its grace", b, map[string]string{a: mark(9 * day), b: mark(day)}, 9 * day, database.Turn{Current: b, Lock: a}},
		{"locked once", b, map[string]string{a: "", b: mark(2 * day)}, 9 * day, database.Turn{Current: b}},
		{"somebody else's login", "postgres", map[string]string{a: mark(day)}, 0, database.Turn{Current: b, Fresh: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := database.Decide(n, test.known, test.marks, test.every, now); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

// FuzzNames: every claim's name gives names that a server takes, and no two
// claims the same.
func FuzzNames(f *testing.F) {
	f.Add("orders", "1", "2")
	f.Add("9-lives.and-a-very-long-name-that-goes-on-and-on-and-on", "1", "")
	f.Fuzz(func(t *testing.T, claim, uid, other string) {
		n := database.NamesOf(claim, uid)
		for _, name := range []string{n.Database, n.Logins[0], n.Logins[1]} {
			if len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name[0] < 'a' {
				t.Errorf("%q", name)
			}
		}
		if uid != other && database.NamesOf(claim, other).Database == n.Database {
			t.Error("two claims, one database")
		}
	})
}

type world struct {
	provisioner *database.Provisioner
	backups     *database.Backups
	store       *folder.Store
	clock       *clocktesting.FakeClock
}

func start(t *testing.T) *world {
	t.Helper()
	if _, err := postgres.Find("initdb", 0); err != nil {
		t.Skip(err)
	}
	own := local.New(t.TempDir(), clock.RealClock{}, slog.New(slog.DiscardHandler))
	w := &world{store: folder.New(t.TempDir()), clock: clocktesting.NewFakeClock(time.Now())}
	server := postgres.New(own)
	w.backups = database.NewBackups(server, w.store, w.clock, slog.New(slog.DiscardHandler))
	w.provisioner = database.New(server, server, w.backups, w.clock)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- own.Run(ctx) }()
	go func() { ended <- w.backups.Run(ctx) }()
	t.Cleanup(func() {
		server.Close()
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

func input(name, uid string, spec map[string]any) provision.Input {
	claim := &unstructured.Unstructured{Object: map[string]any{}}
	claim.SetName(name)
	claim.SetUID("uid-" + "1")
	if uid != "" {
		claim.SetUID("uid-2")
	}
	return provision.Input{Claim: claim, Spec: spec, Tenant: provision.Tenant{Name: "shop", Namespace: "tenant-shop"}}
}

func connect(t *testing.T, connection map[string][]byte) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), string(connection[database.KeyURI]))
	if err != nil {
		return err
	}
	_, err = conn.Exec(t.Context(), "create table if not exists t (a int)")
	conn.Close(t.Context())
	return err
}

// TestLife of a claim: made once, its password rotated while the old one works,
// dumped daily, and dropped when a last dump is safe.
func TestLife(t *testing.T) {
	t.Parallel()
	w := start(t)
	p, ctx := w.provisioner, t.Context()
	check(t, p.Available(ctx))
	in := input("orders", "", map[string]any{"connections": int64(9), "rotateAfterDays": int64(30), "backup": map[string]any{"every": "Daily", "keep": int64(2)}})
	first, err := p.Ensure(ctx, in, nil)
	check(t, err)
	check(t, connect(t, first.Connection))
	w.clock.Step(time.Minute) // It looks each minute. A longer step would end the dump as silent.
	eventually(t, func() bool { return len(list(t, w)) > 0 })
	again, err := p.Ensure(ctx, in, first.Connection)
	check(t, err)
	if !maps.EqualFunc(first.Connection, again.Connection, func(a, b []byte) bool { return string(a) == string(b) }) || !again.Ready {
		t.Error("nothing was due, and the connection changed")
	}
	plan, err := p.Plan(ctx, in)
	if err != nil || len(plan.ConnectionKeys) != len(first.Connection) || plan.External[1].Name != first.Status["database"] {
		t.Errorf("plan %+v, %v", plan, err)
	}
	other, err := p.Ensure(ctx, input("orders", "2", nil), nil)
	check(t, err)
	if string(other.Connection[database.KeyDatabase]) == string(first.Connection[database.KeyDatabase]) {
		t.Error("another claim came into the first one's database")
	}

	w.clock.Step(30 * 24 * time.Hour)
	second, err := p.Ensure(ctx, in, first.Connection)
	check(t, err)
	check(t, connect(t, first.Connection))
	check(t, connect(t, second.Connection))
	w.clock.Step(database.Grace)
	third, err := p.Ensure(ctx, in, second.Connection)
	check(t, err)
	if err := connect(t, first.Connection); err == nil {
		t.Error("the old password works after its grace")
	}
	check(t, connect(t, third.Connection))

	eventually(t, func() bool {
		done, err := p.Delete(ctx, in, provision.Snapshot)
		check(t, err)
		return done
	})
	backups := list(t, w)
	if last := backups[len(backups)-1]; !strings.HasSuffix(last, "/final.dump") {
		t.Errorf("backups %v", backups)
	}
	if err := connect(t, third.Connection); err == nil {
		t.Error("it is still there")
	}
	for _, policy := range []provision.DeletionPolicy{provision.Delete, provision.Retain} {
		if done, err := p.Delete(ctx, in, policy); err != nil || !done {
			t.Errorf("deleted again: %t, %v", done, err)
		}
	}
	check(t, connect(t, other.Connection))
	if done, err := p.Delete(ctx, input("orders", "2", nil), provision.Retain); err != nil || !done {
		t.Errorf("retain: %t, %v", done, err)
	}
	if err := connect(t, other.Connection); err == nil || strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a retained database lets its login in, or is gone: %v", err)
	}
}

func list(t *testing.T, w *world) []string {
	t.Helper()
	names, err := w.store.List(t.Context(), "databases/tenant-shop/orders/")
	check(t, err)
	return names
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(3*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it never came true")
		case <-tick.C:
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
