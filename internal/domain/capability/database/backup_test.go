package database_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/folder"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/database"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// server is one on which every database is there, and which says nothing when one
// is dumped whose name begins with silent.
type server struct {
	database.Server

	asked chan string // the databases of which it says nothing
	left  chan string // those that it is no longer asked about
}

// logins are there, and locked without a word.
type logins struct{ port }

type port = database.Logins

func (*server) Drop(context.Context, string, string, string, ...string) error { return nil }

func (logins) LockLogin(context.Context, string, string, string) error { return nil }

func (logins) Logins(context.Context, string) (map[string]string, error) {
	return map[string]string{"a": "marked"}, nil
}

func (s *server) Dump(ctx context.Context, name, _ string, to io.Writer) error {
	if strings.HasPrefix(name, "silent") {
		s.asked <- name
		<-ctx.Done()
		s.left <- name
		return ctx.Err()
	}
	_, err := to.Write([]byte("dump"))
	return err
}

// TestSilentServerHoldsUpNoOtherBackup wants the last backup of a database to be
// made although the dump of another one never ends by itself.
func TestSilentServerHoldsUpNoOtherBackup(t *testing.T) {
	t.Parallel()
	on, now := &server{asked: make(chan string, 8), left: make(chan string, 8)}, clocktesting.NewFakeClock(time.Now())
	backups := database.NewBackups(on, folder.New(t.TempDir()), now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- backups.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	p := database.New(on, logins{}, backups, now)
	if done, err := p.Delete(t.Context(), input("silent", "", nil), provision.Snapshot); done || err != nil {
		t.Fatalf("deleted: %t, %v; want it to wait for the last backup", done, err)
	}
	<-on.asked
	if done, err := p.Delete(t.Context(), input("orders", "2", nil), provision.Snapshot); done || err != nil {
		t.Fatalf("deleted: %t, %v; want it to wait for its turn", done, err)
	}
	eventually(t, func() bool { // The time stands still for the dump that comes after.
		now.Step(time.Minute)
		return len(on.left) > 0
	})
	eventually(t, func() bool {
		done, err := p.Delete(t.Context(), input("orders", "2", nil), provision.Snapshot)
		check(t, err)
		return done
	})
	if _, err := p.Delete(t.Context(), input("silent", "", nil), provision.Snapshot); err == nil || !strings.Contains(err.Error(), "has sent nothing for") {
		t.Errorf("of the other one is said: %v", err)
	}
}
