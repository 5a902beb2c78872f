// Package memory keeps answers that are dear to find. It may be used from many
// goroutines: those that ask the same at the same time wait for one answer.
package memory

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Memory keeps answers for as long as each says, at most so many, and lets
// those who ask the same at the same time wait for one answer.
type Memory[T any] struct {
	clock clock.PassiveClock
	limit int
	over  func(error) error
	calls singleflight.Group

	mu   sync.RWMutex
	kept map[string]answer[T] // guarded by mu
}

type answer[T any] struct {
	value   T
	err     error
	expires time.Time
}

// New returns an empty memory of at most limit answers. Over makes of the error of
// a context the one for a caller whose time was over before there was an answer.
func New[T any](clock clock.PassiveClock, limit int, over func(error) error) *Memory[T] {
	return &Memory[T]{clock: clock, limit: limit, over: over, kept: map[string]answer[T]{}}
}

// searchLimit ends a search that nobody waits for any more.
const searchLimit = 10 * time.Second

// Get returns what is kept, or what find finds. Find says how long it may be
// kept; 0 is not at all. A search outlives the caller that began it, because
// others may wait for it, and ends after searchLimit.
func (m *Memory[T]) Get(ctx context.Context, key string, find func(context.Context) (T, time.Duration, error)) (T, error) {
	if kept, ok := m.recall(key); ok {
		return kept.value, kept.err
	}
	result := m.calls.DoChan(key, func() (any, error) {
		search, cancel := context.WithTimeout(context.WithoutCancel(ctx), searchLimit)
		defer cancel()
		value, life, err := safely(search, find)
		m.keep(key, answer[T]{value, err, m.clock.Now().Add(life)}, life)
		return value, err
	})
	select {
	case <-ctx.Done():
		var none T
		return none, m.over(ctx.Err())
	case done := <-result:
		return done.Val.(T), done.Err
	}
}

// safely is find, whose panic is an error: it reads what anybody may have pushed, and
// a panic where several wait for an answer ends the process.
func safely[T any](ctx context.Context, find func(context.Context) (T, time.Duration, error)) (value T, life time.Duration, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			life, err = 0, policy.Panicked(ctx, fault)
		}
	}()
	return find(ctx)
}

func (m *Memory[T]) recall(key string) (answer[T], bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	kept, ok := m.kept[key]
	return kept, ok && m.clock.Now().Before(kept.expires)
}

func (m *Memory[T]) keep(key string, a answer[T], life time.Duration) {
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
func (m *Memory[T]) shrink() {
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
