package auditlog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/auditlog"
)

// log is an audit log in a folder.
type log struct{ path, bookmark string }

func newLog(t *testing.T) log {
	t.Helper()
	dir := t.TempDir()
	return log{filepath.Join(dir, "audit.log"), filepath.Join(dir, "bookmark")}
}

func (l log) write(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// rotate does what the API server does to a full file.
func (l log) rotate(t *testing.T, when string) {
	t.Helper()
	if err := os.Rename(l.path, filepath.Join(filepath.Dir(l.path), "audit-"+when+".log")); err != nil {
		t.Fatal(err)
	}
}

func (l log) open() *auditlog.Reader { return auditlog.New(l.path, l.bookmark, clock.RealClock{}) }

// next wants these lines, and commits them.
func next(t *testing.T, r *auditlog.Reader, want ...string) {
	t.Helper()
	lines, commit, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range lines {
		got = append(got, string(line))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := commit(); err != nil {
		t.Fatal(err)
	}
}

func TestEachEventOnce(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.write(t, "one\ntwo\nthr")
	r := l.open()
	next(t, r, "one", "two")
	l.write(t, "ee\n")
	next(t, r, "three")

	l.write(t, "four\n")
	l.rotate(t, "2026-03-01")
	l.write(t, "five\n")
	next(t, r, "four")
	r = l.open() // restarted
	next(t, r, "five")

	l.write(t, "six\n")
	l.rotate(t, "2026-03-02")
	l.write(t, "seven\n")
	l.rotate(t, "2026-03-03")
	l.write(t, "eight\n")
	r = l.open()
	for _, want := range []string{"six", "seven", "eight"} {
		next(t, r, want)
	}
}

func TestUncommittedEventsComeAgain(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.write(t, "one\n")
	if _, _, err := l.open().Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	next(t, l.open(), "one")
}

func TestDeletedFilesAreSkipped(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	l.write(t, "one\n")
	next(t, l.open(), "one")
	if err := os.Remove(l.path); err != nil {
		t.Fatal(err)
	}
	l.write(t, "two\n")
	next(t, l.open(), "two")
}

func TestWaitsAndEnds(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	fake := clocktesting.NewFakeClock(time.Unix(0, 0))
	r := auditlog.New(l.path, l.bookmark, fake)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, _, err := r.Next(ctx); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestABookmarkThatIsNone(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	if err := os.WriteFile(l.bookmark, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.open().Next(t.Context()); err == nil {
		t.Error("it is taken")
	}
}
