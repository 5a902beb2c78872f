package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// memory keeps answers for as long as each says, at most so many, and lets
// those who ask the same at the same time wait for one answer.
type memory[T any] struct {
	clock clock.PassiveClock
	limit int
	calls singleflight.Group

	mu   sync.RWMutex
	kept map[string]answer[T] // guarded by mu
}

type answer[T any] struct {
	value   T
	err     error
	expires time.Time
}

func newMemory[T any](clock clock.PassiveClock, limit int) *memory[T] {
	return &memory[T]{clock: clock, limit: limit, kept: map[string]answer[T]{}}
}

// searchLimit ends a search that nobody waits for any more.
const searchLimit = 10 * time.Second

// get returns what is kept, or what find finds. Find says how long it may be
// kept; 0 is not at all. A search outlives the caller that began it, because
// others may wait for it, and ends after searchLimit.
func (m *memory[T]) get(ctx context.Context, key string, find func(context.Context) (T, time.Duration, error)) (T, error) {
	if kept, ok := m.recall(key); ok {
		return kept.value, kept.err
	}
	result := m.calls.DoChan(key, func() (any, error) {
		search, cancel := context.WithTimeout(context.WithoutCancel(ctx), searchLimit)
		defer cancel()
		value, life, err := find(search)
		m.keep(key, answer[T]{value, err, m.clock.Now().Add(life)}, life)
		return value, err
	})
	select {
	case <-ctx.Done():
		var none T
		return none, faultf(ErrUnreachable, "the time for the decision was over before the registry answered: %v", ctx.Err())
	case done := <-result:
		return done.Val.(T), done.Err
	}
}

func (m *memory[T]) recall(key string) (answer[T], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	kept, ok := m.kept[key]
	return kept, ok && m.clock.Now().Before(kept.expires)
}

func (m *memory[T]) keep(key string, a answer[T], life time.Duration) {
	if life <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= m.limit {
		m.shrink()
	}
	m.kept[key] = a
}

// shrink forgets what has expired, and an arbitrary tenth when that frees
// nothing. The caller holds mu.
func (m *memory[T]) shrink() {
	now := m.clock.Now()
	for key, kept := range m.kept {
		if !now.Before(kept.expires) {
			delete(m.kept, key)
		}
	}
	surplus := len(m.kept) - m.limit*9/10
	for key := range m.kept {
		if surplus--; surplus < 0 {
			return
		}
		delete(m.kept, key)
	}
}

// checkKey tells checks apart: everything but the reference counts, for which
// the digest stands.
func checkKey(check policy.ImageCheck, image target) string {
	check.Reference = image.String()
	text, err := json.Marshal(check)
	if err != nil { // strings, booleans, maps of strings: cannot fail
		return image.String()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
