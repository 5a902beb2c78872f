package memory

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Recent remembers for a while what happened, by a key, at most so many. It may be
// used from many goroutines.
type Recent struct {
	clock clock.PassiveClock
	life  time.Duration
	limit int

	mu    sync.RWMutex
	until map[string]time.Time // guarded by mu
}

// NewRecent remembers nothing yet, and each of at most limit things for life.
func NewRecent(clock clock.PassiveClock, life time.Duration, limit int) *Recent {
	return &Recent{clock: clock, life: life, limit: limit, until: map[string]time.Time{}}
}

// Has tells whether it happened a moment ago.
func (r *Recent) Has(key string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	until, ok := r.until[key]
	return ok && r.clock.Now().Before(until)
}

// Add remembers that it happened now. Of too many an arbitrary one is forgotten
// after those whose time is over.
func (r *Recent) Add(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	for old, until := range r.until {
		if !now.Before(until) {
			delete(r.until, old)
		}
	}
	for old := range r.until {
		if len(r.until) < r.limit {
			break
		}
		delete(r.until, old)
	}
	r.until[key] = now.Add(r.life)
}

// Forget forgets it.
func (r *Recent) Forget(key string) {
	r.mu.RLock()
	_, there := r.until[key]
	r.mu.RUnlock()
	if !there {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, key)
}
