package dialect_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/kernel/dialect"
)

func TestWords(t *testing.T) {
	t.Parallel()
	const statement = "SELECT a FROM b WHERE c = ? AND d = ?"
	if got := dialect.Dialect(database.SQLite).Words(statement); got != statement {
		t.Errorf("for SQLite: %q", got)
	}
	if got, want := dialect.Postgres.Words(statement), "SELECT a FROM b WHERE c = $1 AND d = $2"; got != want {
		t.Errorf("for PostgreSQL: %q, want %q", got, want)
	}
	if database.Postgres != string(dialect.Postgres) {
		t.Error("the adapter calls PostgreSQL something else")
	}
}

func TestMigrateNamesTheStatement(t *testing.T) {
	t.Parallel()
	db, name, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const good = "CREATE TABLE IF NOT EXISTS a (id {id}, b TEXT);\n"
	for range 2 {
		if err := dialect.Dialect(name).Migrate(t.Context(), db, good); err != nil {
			t.Fatal(err)
		}
	}
	err = dialect.Dialect(name).Migrate(t.Context(), db, good+"CREATE TABLE nonsense;\n")
	if err == nil || !strings.Contains(err.Error(), "CREATE TABLE nonsense") {
		t.Errorf("a wrong statement: %v", err)
	}
}
