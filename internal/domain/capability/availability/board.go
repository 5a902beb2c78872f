package availability

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

const (
	// Every is how often provisioners are asked whether they can work.
	Every = 30 * time.Second
	// patience is how long one may take to answer.
	patience = 5 * time.Second
)

// Board has the last answer of each provisioner. It is safe for concurrent use.
type Board struct {
	known map[string]provision.Builtin
	clock clock.WithTicker
	told  func(context.Context)
	look  chan struct{} // holds one element when Look was called

	mu   sync.Mutex
	said map[string]error // by provisioner, of those that are asked for; guarded by mu
}

// New returns a board of provisioners by name. While Run runs, told is called
// after each change of an answer; it must return soon.
func New(known map[string]provision.Builtin, c clock.WithTicker, told func(context.Context)) *Board {
	return &Board{known: known, clock: c, told: told, look: make(chan struct{}, 1), said: map[string]error{}}
}

// Available is nil when the provisioner could work when it was asked last, else
// why not and what to do. It asks only a provisioner that never was.
func (b *Board) Available(ctx context.Context, name string) error {
	b.mu.Lock()
	said, known := b.said[name]
	b.mu.Unlock()
	if known {
		return said
	}
	said = b.ask(ctx, name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if earlier, known := b.said[name]; known {
		return earlier
	}
	b.said[name] = said
	return said
}

// Look has all asked at once, because what they depend on may have changed. It
// does not wait for the answers.
func (b *Board) Look() {
	select {
	case b.look <- struct{}{}:
	default: // Somebody said so already.
	}
}

// Run asks until the context ends.
func (b *Board) Run(ctx context.Context) error {
	ticker := b.clock.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		case <-b.look:
		}
		if b.refresh(ctx) && ctx.Err() == nil {
			b.told(ctx)
		}
	}
}

// refresh asks those whose answers somebody wants, and says whether one changed.
func (b *Board) refresh(ctx context.Context) (changed bool) {
	b.mu.Lock()
	names := slices.Sorted(maps.Keys(b.said))
	b.mu.Unlock()
	for _, name := range names {
		now := b.ask(ctx, name)
		if ctx.Err() != nil {
			return false // The answer may be our own end.
		}
		b.mu.Lock()
		if !alike(b.said[name], now) {
			b.said[name], changed = now, true
		}
		b.mu.Unlock()
	}
	return changed
}

func (b *Board) ask(ctx context.Context, name string) error {
	builtin, known := b.known[name]
	if !known {
		return fmt.Errorf("there is no provisioner %q", name)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return builtin.Available(ctx)
}

// varying matches what differs between attempts: ports, times, identifiers.
var varying = regexp.MustCompile(`[[:alnum:]]*[0-9][[:alnum:]]*`)

// alike says whether two answers are the same to who reads them.
func alike(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return varying.ReplaceAllString(a.Error(), "#") == varying.ReplaceAllString(b.Error(), "#")
}
