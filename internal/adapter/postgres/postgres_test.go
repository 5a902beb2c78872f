package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
)

const (
	password = "correct-horse-7"
	name     = "orders_0a1b2c3d4e"
)

// TestNobodyElseConnects: a tenant's login works in its own database, and in no
// other; the tenant cannot change that.
func TestNobodyElseConnects(t *testing.T) {
	t.Parallel()
	where := start(t)
	server := administer(t, where)
	for _, database := range []string{name, "neighbour_1"} {
		check(t, server.EnsureDatabase(t.Context(), database, database, mark, 7))
		check(t, server.SetLogin(t.Context(), database, database, database+"_a", password, "since", 5))
	}
	own := as(t, where, name+"_a", password, name)
	execute(t, own, "create table t (a int)", "insert into t values (1)", "create schema more", "create extension citext")
	refused(t, as(t, where, name+"_a", password, "neighbour_1"), "select 1", "42501")
	refused(t, as(t, where, name+"_a", password, "postgres"), "select 1", "42501")
	refused(t, as(t, where, name+"_a", password, "template1"), "select 1", "42501")
	refused(t, as(t, where, name, password, name), "select 1", "28P01")
	for _, statement := range []string{
		"alter database " + name + " connection limit 1000",
		"drop database neighbour_1", "create role evil", "create database evil",
		"alter role " + name + "_a superuser", "alter role " + name + "_a connection limit 100",
		"copy (select 1) to program 'id'", "select pg_read_file('/etc/passwd')", "create extension dblink",
	} {
		refused(t, own, statement, "SQLSTATE 42501")
	}
	execute(t, own, "grant connect on database "+name+" to neighbour_1, public") // a warning: nothing is granted
	refused(t, as(t, where, "neighbour_1_a", password, name), "select 1", "42501")
	if size, err := server.Measure(t.Context(), name); err != nil || size < 1<<20 {
		t.Errorf("size %d, %v", size, err)
	}
	host, port, mode, err := server.Address(t.Context())
	if err != nil || host != "127.0.0.1" || port == 0 || mode != "disable" {
		t.Errorf("address %s %d %s %v", host, port, mode, err)
	}
}

// TestDriftIsRepaired: what an administrator changed comes back, and nothing is
// written when nothing was changed.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	where := start(t)
	tr := &tracer{texts: make(chan string, 1000)}
	server := postgres.New(postgres.At(where))
	t.Cleanup(server.Close)
	server.Trace(tr)
	check(t, server.EnsureDatabase(t.Context(), name, name, mark, 7))
	want := catalogue(t, where)
	for len(tr.texts) > 0 {
		<-tr.texts
	}
	check(t, server.EnsureDatabase(t.Context(), name, name, mark, 7))
	for len(tr.texts) > 0 {
		if text := <-tr.texts; !strings.HasPrefix(text, "select") {
			t.Errorf("idle, it wrote: %s", text)
		}
	}
	execute(t, where, "grant connect on database "+name+" to public", "grant all on database "+name+" to roadbed, pg_monitor",
		"revoke create on database "+name+" from "+name, "alter database "+name+" connection limit -1", "alter database "+name+" allow_connections false")
	check(t, server.EnsureDatabase(t.Context(), name, name, mark, 7))
	if got := catalogue(t, where); got != want {
		t.Errorf("after a repair:\n%s\nwant:\n%s", got, want)
	}
}

// TestOthersAreLeftAlone: a database or role of the same name with another mark.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	where := start(t)
	server := administer(t, where)
	execute(t, where, "create role theirs", "create database theirs owner theirs", "create role other_a login")
	check(t, server.EnsureDatabase(t.Context(), "other", "other", "claim of somebody", 7))
	before := catalogue(t, where)
	for what, err := range map[string]error{
		"role without a mark":  server.EnsureDatabase(t.Context(), "theirs", "theirs", mark, 7),
		"database of another":  server.EnsureDatabase(t.Context(), "other", "other", mark, 7),
		"login of another":     server.SetLogin(t.Context(), "other", "other", "other_a", password, "since", 1),
		"drop a database":      server.Drop(t.Context(), "other", "other", mark),
		"drop without a mark":  server.Drop(t.Context(), "theirs", "theirs", mark),
		"database, other role": server.EnsureDatabase(t.Context(), "theirs", "mine_1", mark, 7),
	} {
		if err == nil || !strings.Contains(err.Error(), "does not belong to this claim") {
			t.Errorf("%s: %v", what, err)
		}
	}
	execute(t, where, "drop role if exists mine_1")
	if got := catalogue(t, where); got != before {
		t.Errorf("it changed\n%s\nto\n%s", before, got)
	}
}

// TestRotationWithoutInterruption: the old login works while the new one does
// already, and what one made the other owns.
func TestRotationWithoutInterruption(t *testing.T) {
	t.Parallel()
	where := start(t)
	server := administer(t, where)
	check(t, server.EnsureDatabase(t.Context(), name, name, mark, 7))
	a, b := name+"_a", name+"_b"
	check(t, server.SetLogin(t.Context(), name, name, a, password, "1", 5))
	execute(t, as(t, where, a, password, name), "create table t (n int)", "reset role", "create schema s", "create table s.own (n int)")
	open := connect(t, as(t, where, a, password, name))
	check(t, server.SetLogin(t.Context(), name, name, b, "another-8", "2", 5))
	execute(t, as(t, where, a, password, name), "insert into t values (1)")
	execute(t, as(t, where, b, "another-8", name), "insert into t values (2)", "alter table t add column m int")
	marks, err := server.Logins(t.Context(), name)
	if err != nil || len(marks) != 2 || marks[a] != "1" || marks[b] != "2" {
		t.Errorf("logins %v, %v", marks, err)
	}
	accepts(t, server, a, password, true)
	accepts(t, server, a, "another-8", false)

	check(t, server.LockLogin(t.Context(), name, name, a))
	accepts(t, server, a, password, false)
	if _, err := open.Exec(t.Context(), "select 1"); err == nil {
		t.Error("a session of a locked login goes on")
	}
	execute(t, as(t, where, b, "another-8", name), "drop table s.own")
	if marks, err = server.Logins(t.Context(), name); err != nil || marks[a] != "" || marks[b] != "2" {
		t.Errorf("logins %v, %v", marks, err)
	}
	check(t, server.SetLogin(t.Context(), name, name, a, "third-9", "3", 5))
	execute(t, as(t, where, a, "third-9", name), "insert into t values (3)")
}

func accepts(t *testing.T, server *postgres.Server, login, with string, want bool) {
	t.Helper()
	if got, err := server.Accepts(t.Context(), name, login, with); err != nil || got != want {
		t.Errorf("%s is let in: %t, want %t, %v", login, got, want, err)
	}
}

// life is everything that happens to a database, each step repeatable.
func life(server *postgres.Server, t *testing.T) []func() error {
	ctx := t.Context()
	return []func() error{
		func() error { return server.EnsureDatabase(ctx, name, name, mark, 7) },
		func() error { return server.SetLogin(ctx, name, name, name+"_a", password, "1", 5) },
		func() error { return server.SetLogin(ctx, name, name, name+"_b", password, "2", 5) },
		func() error { return server.LockLogin(ctx, name, name, name+"_a") },
		func() error { return server.Drop(ctx, name, name, mark, name+"_a", name+"_b") },
	}
}

// TestKilledBetweenStatements stops before every single statement of a
// database's life, and begins again: the end is the same each time.
func TestKilledBetweenStatements(t *testing.T) {
	t.Parallel()
	where := start(t)
	admins := []string{"superuser"}
	if os.Getenv("ROADBED_SLOW") != "" {
		admins = append(admins, "managed")
	}
	for _, admin := range admins {
		url := where
		if admin == "managed" {
			execute(t, where, "create role managed login createdb createrole password 'managed-pw'")
			url = as(t, where, "managed", "managed-pw", "postgres")
			execute(t, where, "grant connect on database postgres to managed")
		}
		empty := catalogue(t, where)
		for last := 1; last <= len(life(nil, t)); last++ {
			statements, want := lifeUntil(t, url, where, last, 0)
			dropAll(t, url)
			if got := catalogue(t, where); got != empty {
				t.Fatalf("%s: something is left behind:\n%s", admin, got)
			}
			if statements < last {
				t.Fatalf("%s: only %d statements", admin, statements)
			}
			for n := 1; n <= statements; n++ {
				if _, got := lifeUntil(t, url, where, last, n); got != want {
					t.Errorf("%s: step %d, killed before statement %d:\n%s\nwant:\n%s", admin, last, n, got, want)
				}
				dropAll(t, url)
			}
		}
	}
}

// dropAll drops all that a life makes.
func dropAll(t *testing.T, url string) {
	t.Helper()
	server := administer(t, url)
	steps := life(server, t)
	check(t, steps[len(steps)-1]())
	server.Close()
}

// lifeUntil lives until a step; the step is killed before its n-th statement and
// begun again. It returns how many statements the step had, and how it ended.
func lifeUntil(t *testing.T, url, superuser string, last, n int) (statements int, end string) {
	t.Helper()
	tr := &tracer{}
	server := postgres.New(postgres.At(url))
	defer server.Close()
	server.Trace(tr)
	for i, step := range life(server, t)[:last] {
		if i < last-1 {
			check(t, step())
			continue
		}
		before := tr.count.Load()
		if n > 0 {
			tr.dieBefore.Store(before + int64(n))
			if err := step(); err == nil {
				t.Errorf("step %d survived the death of statement %d", last, n)
			}
			tr.dieBefore.Store(0)
			before = tr.count.Load()
		}
		check(t, step())
		statements = int(tr.count.Load() - before)
	}
	return statements, catalogue(t, superuser)
}

// TestDumpCanBeRestored, and is made with the tenant's own rights.
func TestDumpCanBeRestored(t *testing.T) {
	t.Parallel()
	where := start(t)
	server := administer(t, where)
	for _, database := range []string{name, "restored_1"} {
		check(t, server.EnsureDatabase(t.Context(), database, database, mark, 7))
		check(t, server.SetLogin(t.Context(), database, database, database+"_a", password, "1", 5))
	}
	own := as(t, where, name+"_a", password, name)
	execute(t, own, "create table t as select generate_series(1, 1000) n", "alter table t enable row level security", "reset role", "create schema s", "create table s.mine as select 1 as n")
	var dump bytes.Buffer
	check(t, server.Dump(t.Context(), name, name, &dump))
	if !bytes.HasPrefix(dump.Bytes(), []byte("PGDMP")) {
		t.Fatalf("no dump: %q", dump.Bytes()[:min(20, dump.Len())])
	}
	restore, err := postgres.Find("pg_restore", 0)
	check(t, err)
	file := filepath.Join(t.TempDir(), "dump")
	check(t, os.WriteFile(file, dump.Bytes(), 0o600))
	target := as(t, where, "restored_1_a", password, "restored_1")
	if said, err := exec.Command(restore, "--no-owner", "--no-acl", "--exit-on-error", "--dbname="+target, file).CombinedOutput(); err != nil {
		t.Fatalf("restore: %v: %s", err, said)
	}
	execute(t, target, "do $$ begin assert (select count(*) from t) = 1000 and (select n from s.mine) = 1; end $$")

	err = server.Dump(t.Context(), "absent_1", "absent_1", &bytes.Buffer{})
	if err == nil || strings.Contains(err.Error(), adminPassword(where)) {
		t.Errorf("dump of nothing: %v", err)
	}
}

func adminPassword(where string) string {
	_, rest, _ := strings.Cut(where, "roadbed:")
	secret, _, _ := strings.Cut(rest, "@")
	return secret
}

// TestSecretsStaySecret: no statement and no error holds a password.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	where := start(t)
	tr := &tracer{texts: make(chan string, 1000)}
	server := postgres.New(postgres.At(where))
	t.Cleanup(server.Close)
	server.Trace(tr)
	check(t, server.EnsureDatabase(t.Context(), name, name, mark, 7))
	check(t, server.SetLogin(t.Context(), name, name, name+"_a", password, "1", 5))
	for len(tr.texts) > 0 {
		if text := <-tr.texts; strings.Contains(text, password) {
			t.Errorf("the server is told the password: %s", text)
		}
	}
	secret := adminPassword(where)
	for what, broken := range map[string]string{
		"wrong host":     strings.Replace(where, "127.0.0.1:", "127.0.0.1:1", 1),
		"wrong database": strings.Replace(where, "/postgres?", "/absent?", 1),
		"no URL":         "postgres://roadbed:" + secret + "@[::1",
		"wrong password": strings.Replace(where, "@", "x@", 1),
	} {
		other := postgres.New(postgres.At(broken))
		err := other.Available(t.Context())
		other.Close()
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestUnfitServers says what to do.
func TestUnfitServers(t *testing.T) {
	t.Parallel()
	where := start(t)
	execute(t, where, "create role weak login password 'weak-pw'", "grant connect on database postgres to weak")
	server := postgres.New(postgres.At(as(t, where, "weak", "weak-pw", "postgres")))
	defer server.Close()
	if err := server.Available(t.Context()); err == nil || !strings.Contains(err.Error(), `ALTER ROLE "weak" CREATEDB CREATEROLE`) {
		t.Errorf("a role that may nothing: %v", err)
	}
}

// TestNamesAreQuoted: a name is a name, whatever is in it.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	where := start(t)
	server := administer(t, where)
	odd := `o"r'd; drop table x --\ é`
	for range 2 {
		check(t, server.EnsureDatabase(t.Context(), odd, odd, `it's \ odd`, 7))
		check(t, server.SetLogin(t.Context(), odd, odd, odd+"a", `p'w"\`, `it's \ odd`, 5))
	}
	if ok, err := server.Accepts(t.Context(), odd, odd+"a", `p'w"\`); err != nil || !ok {
		t.Errorf("let in: %t, %v", ok, err)
	}
	marks, err := server.Logins(t.Context(), odd)
	if err != nil || marks[odd+"a"] != `it's \ odd` {
		t.Errorf("marks %q, %v", fmt.Sprint(marks), err)
	}
	check(t, server.LockLogin(t.Context(), odd, odd, odd+"a"))
	check(t, server.Drop(t.Context(), odd, odd, `it's \ odd`, odd+"a"))
}
