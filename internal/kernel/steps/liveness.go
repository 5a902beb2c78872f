package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// SilenceLimit is how long a controller may be silent before the program
// counts as not ready.
const SilenceLimit = 30 * time.Second

// Liveness hears from controllers that they still reconcile.
type Liveness struct {
	clock clock.PassiveClock
	limit time.Duration

	mu sync.Mutex
	// beats holds each expected controller's last beat, zero before its first.
	beats map[string]time.Time // guarded by mu
}

var _ module.Liveness = (*Liveness)(nil)

// NewLiveness returns a Liveness that allows each controller to be silent for
// less than limit, usually SilenceLimit.
func NewLiveness(c clock.PassiveClock, limit time.Duration) *Liveness {
	return &Liveness{clock: c, limit: limit, beats: map[string]time.Time{}}
}

// Expect announces a controller; until its first beat it counts as stopped.
func (l *Liveness) Expect(controller string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.beats[controller]; !known {
		l.beats[controller] = time.Time{}
	}
}

// Beat says that the controller finished some work just now.
func (l *Liveness) Beat(controller string) {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beats[controller] = now
}

// Check returns an error that names, in alphabetical order, every controller
// that has not begun or has been silent for the limit, and for how long.
func (l *Liveness) Check(context.Context) error {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var silent []error
	for _, name := range slices.Sorted(maps.Keys(l.beats)) {
		last := l.beats[name]
		switch {
		case last.IsZero():
			silent = append(silent, fmt.Errorf("controller %q has not begun to reconcile", name))
		case now.Sub(last) >= l.limit:
			silent = append(silent, fmt.Errorf("controller %q has been silent for %s", name, now.Sub(last).Round(time.Second)))
		}
	}
	return errors.Join(silent...)
}
