package reports

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// TestKeeper: changes end with their time, what holds now does not.
func TestKeeper(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	store, err := OpenHistory(t.Context(), filepath.Join(t.TempDir(), HistoryFile), clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, uid := range []string{"old", "young"} {
		result := policy.Result{Policy: "limits", Rule: "r", Status: policy.Fail}
		if err := store.Put(t.Context(), history.Judgement{Subject: history.Subject{Kind: "Pod", Name: uid, UID: uid}, Results: []policy.Result{result}}); err != nil {
			t.Fatal(err)
		}
		clock.Step(Retention - time.Hour)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&Keeper{History: store, Clock: clock, Log: slog.New(slog.DiscardHandler)}).Start(ctx) }()
	deadline := time.After(time.Minute)
	for {
		changes, err := store.Changes(t.Context(), history.Query{}, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 1 && changes[0].Subject.UID == "young" {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("changes %+v, want the young one", changes)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if reports, err := store.Reports(t.Context(), history.Query{}); err != nil || len(reports) != 2 {
		t.Errorf("%d reports, %v; want both", len(reports), err)
	}
}
