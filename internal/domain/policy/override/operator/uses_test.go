package operator

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// events is an audit log with one batch.
type events [][]byte

func (e events) Next(context.Context) ([][]byte, func() error, error) {
	return e, func() error { return nil }, nil
}

// TestUseThatNoRecordHolds wants those that follow it to be recorded.
func TestUseThatNoRecordHolds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	file, err := trail.OpenFile(path, clock.RealClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	event := func(user, waiver string) []byte {
		return fmt.Appendf(nil, `{"stage":"ResponseComplete","verb":"create","user":{"username":%q},"objectRef":{"resource":"pods","name":"web"},"responseStatus":{"code":201},"annotations":{"p/overrides":%q}}`, user, waiver)
	}
	u := &uses{
		audit: events{event(strings.Repeat("x", trail.MaxRecord), "shop/first"), event("ann", "shop/second")},
		trail: file, clock: clock.RealClock{}, log: slog.New(slog.DiscardHandler),
	}
	if err := u.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	var found []string
	for record, err := range trail.Read(path) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, record.Object.Name+" by "+record.Actor.Name)
	}
	if len(found) != 1 || found[0] != "second by ann" {
		t.Errorf("on the trail are %q", found)
	}
}
