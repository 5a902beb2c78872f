package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(recordUntilKilled(os.Getenv(childEnv), os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func open(t *testing.T, path string, log *slog.Logger) *trail.File {
	t.Helper()
	file, err := trail.OpenFile(path, clocktesting.NewFakePassiveClock(noon), log)
	if err != nil {
		t.Fatalf("OpenFile: %v", err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return file
}

func cordon(name string) trail.Record {
	return trail.Record{
		Actor: identity.Of("amara"), Action: "tenancy.tenant.cordon",
		Object: trail.Object{Group: "tenancy.roadbed.dev", Kind: "Tenant", Name: name}, Reason: "It is being offboarded.",
	}
}

// names reads the trail back; the test fails on a line that is no record.
func names(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	for record, err := range trail.Read(path) {
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		names = append(names, record.Object.Name)
	}
	return names
}

// TestRecordOfSomebodyInManyGroups keeps what he did, and says how many they are.
func TestRecordOfSomebodyInManyGroups(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	file := open(t, path, slog.New(slog.DiscardHandler))
	record := cordon("payments")
	for i := range 5000 {
		record.Actor.Groups = append(record.Actor.Groups, fmt.Sprintf("ldap:cn=group-%d,ou=corp", i))
	}
	if err := file.Record(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	var groups []string
	for got, err := range trail.Read(path) {
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, got.Actor.Groups...)
	}
	if diff := cmp.Diff([]string{"(5000 groups, too many for a record)"}, groups); diff != "" {
		t.Error(diff)
	}
	record.Actor.Groups, record.Actor.Name = nil, strings.Repeat("x", trail.MaxRecord)
	if err := file.Record(t.Context(), record); !errors.Is(err, trail.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestRecordKeepsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	file := open(t, path, slog.New(slog.DiscardHandler))
	record := cordon("payments")
	record.Before, record.After = "sha256:aa", "sha256:bb"
	if err := file.Record(t.Context(), record); err != nil {
		t.Fatalf("Record: %v", err)
	}
	want := record
	want.Time = noon.UTC()
	for got, err := range trail.Read(path) {
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the record changed on its way (-want +got):\n%s", diff)
		}
		if got.Time.Location() != time.UTC {
			t.Errorf("the time is told in %s, want UTC", got.Time.Location())
		}
	}
}

func TestFileIsItsOwnersOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, path, slog.New(slog.DiscardHandler))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode is %o, want 600 even where the file was there before", got)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	open(t, path, slog.New(slog.DiscardHandler))
	_, err := trail.OpenFile(path, clocktesting.NewFakePassiveClock(noon), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("OpenFile of an open trail = %v, want a refusal that says why", err)
	}
}

func TestManyWritersAreAllKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	file := open(t, path, slog.New(slog.DiscardHandler))
	const writers, each = 50, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := file.Record(t.Context(), cordon(fmt.Sprintf("t-%d-%d", w, i))); err != nil {
					t.Errorf("Record: %v", err)
				}
			}
		})
	}
	group.Wait()
	kept := map[string]int{}
	for _, name := range names(t, path) {
		kept[name]++
	}
	if len(kept) != writers*each {
		t.Errorf("%d records are kept, want %d", len(kept), writers*each)
	}
	for name, times := range kept {
		if times != 1 {
			t.Errorf("%s is kept %d times", name, times)
		}
	}
}

func TestTornLastLineIsCutOffAndKeptAside(t *testing.T) {
	t.Parallel()
	const whole = `{"time":"2026-03-01T11:00:00Z","action":"a.b.c","object":{"kind":"Tenant","name":"first"}}` + "\n"
	const last = `{"time":"2026-03-01T11:00:00Z","action":"a.b.c","object":{"kind":"Tenant","name":"second"}}` + "\n"
	for end := range len(last) + 1 {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		if err := os.WriteFile(path, []byte(whole+last[:end]), 0o600); err != nil {
			t.Fatal(err)
		}
		var warned bytes.Buffer
		file := open(t, path, slog.New(slog.NewTextHandler(&warned, nil)))
		if err := file.Record(t.Context(), cordon("third")); err != nil {
			t.Fatalf("Record: %v", err)
		}
		want, torn := []string{"first", "third"}, last[:end]
		if end == len(last) {
			want, torn = []string{"first", "second", "third"}, ""
		}
		if diff := cmp.Diff(want, names(t, path)); diff != "" {
			t.Fatalf("last line ends after %d bytes (-want +got):\n%s", end, diff)
		}
		side, _ := os.ReadFile(path + ".torn")
		if strings.TrimSuffix(string(side), "\n") != torn {
			t.Errorf("kept aside %q, want %q", side, torn)
		}
		if got := strings.Contains(warned.String(), "unfinished"); got != (torn != "") {
			t.Errorf("last line ends after %d bytes: warned is %t", end, got)
		}
	}
}

func TestTornLineLongerThanAChunk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	torn := strings.Repeat("x", 200<<10)
	if err := os.WriteFile(path, []byte(`{"action":"a.b.c","object":{"kind":"Tenant","name":"first"}}`+"\n"+torn), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path, slog.New(slog.DiscardHandler))
	if diff := cmp.Diff([]string{"first"}, names(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if side, err := os.ReadFile(path + ".torn"); err != nil || len(side) != len(torn)+1 {
		t.Errorf("kept aside %d bytes, %v", len(side), err)
	}
}

func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	long := cordon("payments")
	long.Reason = strings.Repeat("x", trail.MaxRecord)
	closed := open(t, filepath.Join(t.TempDir(), "closed.jsonl"), slog.New(slog.DiscardHandler))
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	file := open(t, path, slog.New(slog.DiscardHandler))

	if err := file.Record(t.Context(), long); err == nil {
		t.Error("a record that no transparency log would take was kept")
	}
	if err := closed.Record(t.Context(), cordon("payments")); !errors.Is(err, trail.ErrClosed) {
		t.Errorf("Record after Close = %v, want ErrClosed", err)
	}
	for range 100 { // whether the owner or the context is faster is chance
		if err := file.Record(ended, cordon("payments")); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Record with an ended context = %v", err)
		}
	}
	names(t, path) // whatever was kept is whole
}
