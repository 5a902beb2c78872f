package limit

import (
	"hash/maphash"
	"strings"
	"sync"
)

// shards is how many parts the table has, each with a lock of its own.
const shards = 64

// table has the cells by their keys, in bounded memory.
type table struct {
	seed   maphash.Seed
	most   int // cells of a shard
	shards [shards]shard
}

type shard struct {
	mu    sync.RWMutex
	cells map[key]*cell
	fresh int // cells made since the last sweep
	_     [24]byte
}

func newTable(most int) *table {
	made := &table{seed: maphash.MakeSeed(), most: max(most/shards, 1)}
	for i := range made.shards {
		made.shards[i].cells = make(map[key]*cell)
	}
	return made
}

func (t *table) shardOf(k *key) *shard {
	hash := maphash.String(t.seed, k.tenant)
	if k.text != "" {
		hash = hash*31 + maphash.String(t.seed, k.text)
	}
	if k.address.IsValid() {
		bytes := k.address.As16()
		hash = hash*31 + maphash.Bytes(t.seed, bytes[:])
	}
	return &t.shards[hash%shards]
}

// get returns the caller's cell, and makes one where there is none. Where the
// table is full of cells in use, callers without one share their budget's spare.
func (t *table) get(k *key, now ticks) *cell {
	s := t.shardOf(k)
	s.mu.RLock()
	found := s.cells[*k]
	s.mu.RUnlock()
	if found != nil && found.whole.Load() != gone {
		return found
	}
	return t.add(s, k, now)
}

func (t *table) add(s *shard, k *key, now ticks) *cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.cells[*k]; found != nil && found.whole.Load() != gone {
		return found
	}
	if full := len(s.cells) >= t.most; full || s.fresh > 64 && s.fresh > len(s.cells)/4 {
		s.sweep(now)
	}
	if len(s.cells) >= t.most {
		return k.budget.spare()
	}
	made := newCell(k.clone())
	s.cells[made.key] = made
	s.fresh++
	return made
}

func newCell(k key) *cell {
	made := &cell{key: k}
	measure, _ := k.budget.rates.Load().of(k.tenant)
	made.rate.Store(measure)
	return made
}

// clone copies the strings, which may point into a request.
func (k *key) clone() key {
	made := *k
	made.tenant, made.issuer, made.text = strings.Clone(k.tenant), strings.Clone(k.issuer), strings.Clone(k.text)
	return made
}

// sweep gives up the cells that say nothing. The caller holds the lock.
func (s *shard) sweep(now ticks) {
	s.fresh = 0
	for k, c := range s.cells {
		if c.abandon(now) {
			delete(s.cells, k)
		}
	}
}

// each visits all cells, shard by shard; those it returns false for are given up.
func (t *table) each(visit func(*cell) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k, c := range s.cells {
			if !visit(c) {
				c.whole.Store(gone)
				delete(s.cells, k)
			}
		}
		s.mu.Unlock()
	}
}

// size is how many cells there are.
func (t *table) size() int {
	total := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		total += len(s.cells)
		s.mu.RUnlock()
	}
	return total
}
