package authn

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// ways is how many tokens share a place in the cache.
	ways = 4
	// places are so many that collisions are rare for ten thousand callers.
	places = 1 << 13
	// mostCached bounds what tokens and claims may take, roughly, in bytes.
	mostCached = 64 << 20
)

// entry is a token that was verified. Only its memo and its last use change.
type entry struct {
	*token
	source *source
	key    *key
	hash   uint64
	cost   int64
	ends   time.Time
	used   atomic.Int64 // in seconds
	memo   atomic.Pointer[memo]
}

// good tells whether the entry may be believed still.
func (e *entry) good(now time.Time) bool { return !e.key.gone.Load() && now.Before(e.ends) }

// cache remembers verified tokens, in bounded memory. Looking one up takes no
// lock and no memory.
type cache struct {
	seed  maphash.Seed
	slots [places * ways]atomic.Pointer[entry]

	mu   sync.Mutex // guards what follows, and all writing
	cost int64
	hand int
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) hash(raw string) uint64 { return maphash.String(c.seed, raw) }

func (c *cache) get(raw string, hash uint64, from *source, now time.Time) *entry {
	first := hash % places * ways
	for i := first; i < first+ways; i++ {
		e := c.slots[i].Load()
		if e == nil || e.hash != hash || e.source != from || e.raw != raw {
			continue
		}
		if !e.good(now) {
			return nil
		}
		if seconds := now.Unix(); e.used.Load() != seconds {
			e.used.Store(seconds)
		}
		return e
	}
	return nil
}

// put remembers an entry in place of the worst of those that share its place:
// none, one that is no longer good, or the one that was not used for longest.
func (c *cache) put(e *entry, now time.Time) {
	e.used.Store(now.Unix())
	e.cost = int64(len(e.raw))*4 + 1024
	c.mu.Lock()
	defer c.mu.Unlock()
	first := int(e.hash % places * ways)
	worst, least := first, int64(1)<<62
	for i := first; i < first+ways; i++ {
		worth := int64(-1)
		old := c.slots[i].Load()
		switch {
		case old != nil && old.raw == e.raw && old.source == e.source:
			worth = -2
		case old != nil && old.good(now):
			worth = old.used.Load()
		}
		if worth < least {
			worst, least = i, worth
		}
	}
	c.set(worst, e)
	for c.cost > mostCached {
		if c.hand = (c.hand + 1) % len(c.slots); c.hand != worst {
			c.set(c.hand, nil)
		}
	}
}

func (c *cache) set(slot int, e *entry) {
	if e != nil {
		c.cost += e.cost
	}
	if old := c.slots[slot].Swap(e); old != nil {
		c.cost -= old.cost
	}
}
