package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
	"github.com/roadbed-dev/roadbed/internal/adapter/postgres/local"
)

const mark = "claim 3f0c"

// start runs a server of the test's own and returns its administrator's URL.
func start(t *testing.T) string {
	t.Helper()
	if _, err := postgres.Find("initdb", 0); err != nil {
		t.Skip(err)
	}
	server := local.New(t.TempDir(), clock.RealClock{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	where, err := server.URL(t.Context())
	for range 10 { // each waits for a while, and a busy machine needs longer
		if err != nil {
			where, err = server.URL(t.Context())
		}
	}
	check(t, err)
	execute(t, where, "alter system set fsync = off", "alter system set full_page_writes = off", "select pg_reload_conf()") // in a test nothing is lost
	return where
}

// administer returns the server at the URL.
func administer(t *testing.T, where string) *postgres.Server {
	t.Helper()
	server := postgres.New(postgres.At(where))
	t.Cleanup(server.Close)
	check(t, server.Available(t.Context()))
	return server
}

// as is the URL for another user and database.
func as(t *testing.T, where, login, password, database string) string {
	t.Helper()
	parsed, err := url.Parse(where)
	check(t, err)
	parsed.User, parsed.Path = url.UserPassword(login, password), "/"+database
	return parsed.String()
}

func connect(t *testing.T, where string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), where)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, where string, statements ...string) {
	t.Helper()
	conn := connect(t, where)
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// refused runs a statement that must fail with the SQLSTATE.
func refused(t *testing.T, where, statement, want string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), where)
	if err == nil {
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), statement)
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want SQLSTATE %s", statement, err, want)
	}
}

// catalogue is what the server says of all databases and roles but their ids,
// salts and keys.
func catalogue(t *testing.T, where string) string {
	t.Helper()
	conn := connect(t, where)
	var text string
	check(t, conn.QueryRow(t.Context(), `
		select coalesce(string_agg(line, E'\n' order by line), '') from (
			select format('database %s of %s: %s %s %s %s', datname, pg_get_userbyid(datdba), datallowconn, datconnlimit, datacl, shobj_description(oid, 'pg_database')) as line
				from pg_database where datname not like 'template%' and datname <> 'postgres'
			union all select format('role %s: %s %s %s %s %s', rolname, rolcanlogin, rolconnlimit, left(rolpassword, 19), shobj_description(oid, 'pg_authid'),
				(select string_agg(format('%s in %s', s.setconfig, d.datname), ',') from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where s.setrole = a.oid))
				from pg_authid a where rolname not like 'pg\_%'
			union all select format('member %s of %s', pg_get_userbyid(member), pg_get_userbyid(roleid)) from pg_auth_members where roleid > 16383
		) as lines`).Scan(&text))
	return text
}

// tracer counts statements and, when it is told to, stops before one of them.
type tracer struct {
	count atomic.Int64
	// dieBefore is the number of the statement that is not sent; 0 for none.
	dieBefore atomic.Int64
	texts     chan string // nil, or gets every statement
}

func (tr *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	number := tr.count.Add(1)
	if tr.texts != nil {
		tr.texts <- fmt.Sprint(data.SQL, data.Args)
	}
	if limit := tr.dieBefore.Load(); limit == 0 || number < limit {
		return ctx
	}
	dead, cancel := context.WithCancel(ctx)
	cancel()
	return dead
}

func (tr *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
