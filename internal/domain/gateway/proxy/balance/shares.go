package balance

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// golden is 2^64 over the golden ratio: its multiples spread as evenly as can be.
const golden = 0x9E3779B97F4A7C15

// mix makes consecutive draws look unrelated.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Weights hands out shares by weight, evenly: after any number of turns each has
// had what its weight says, but for a few.
type Weights struct {
	ends   []uint64
	cursor atomic.Uint64
}

// NewWeights returns the shares of weights; those below 1 have none.
func NewWeights(weights []int) *Weights {
	w := &Weights{}
	total := uint64(0)
	for _, weight := range weights {
		total += uint64(max(0, weight))
		w.ends = append(w.ends, total)
	}
	return w
}

// Next returns whose turn it is, or -1 where nobody has a share.
func (w *Weights) Next() int {
	n := len(w.ends)
	if n == 0 || w.ends[n-1] == 0 {
		return -1
	}
	if n == 1 {
		return 0
	}
	at, _ := bits.Mul64(w.cursor.Add(golden), w.ends[n-1])
	for i, end := range w.ends {
		if at < end {
			return i
		}
	}
	return n - 1 // at is below the total
}

// Sample says yes to a fraction of what it is asked, evenly.
type Sample struct {
	numerator, denominator uint64
	cursor                 atomic.Uint64
}

// NewSample returns a Sample of numerator in denominator; 0 of 0 is all.
func NewSample(numerator, denominator int32) *Sample {
	if numerator == 0 && denominator == 0 {
		return &Sample{numerator: 1, denominator: 1}
	}
	return &Sample{numerator: uint64(max(0, numerator)), denominator: uint64(max(1, denominator))}
}

// Next tells whether this one belongs to the fraction.
func (s *Sample) Next() bool {
	at, _ := bits.Mul64(s.cursor.Add(golden), s.denominator)
	return at < s.numerator
}

// What a backend may retry whatever its traffic: so many at once, and so many a
// second (Gateway API's default of a budget, GEP-3388).
const (
	reserve       = 100
	reserveSecond = 10
	// refillEvery keeps the reserve's parts from being rounded away.
	refillEvery = 10 * time.Millisecond
)

// Budget is how many retries a backend may get: a percentage of its requests,
// beside a small reserve that time refills.
type Budget struct {
	// tokens are hundredths of a retry.
	tokens   atomic.Int64
	refilled atomic.Int64
}

func (b *Budget) fill() { b.tokens.Store(reserve * 100) }

// Deposit counts a request, percent of which may be retries.
func (b *Budget) Deposit(percent int) {
	if b.tokens.Load() < 10*reserve*100 {
		b.tokens.Add(int64(percent))
	}
}

// Withdraw takes a retry, if there is one left.
func (b *Budget) Withdraw(now time.Time) bool {
	last, at := b.refilled.Load(), now.UnixNano()
	if since := time.Duration(at - last); since >= refillEvery && b.refilled.CompareAndSwap(last, at) {
		earned := int64(min(since, time.Minute)) * reserveSecond * 100 / int64(time.Second)
		if room := reserve*100 - b.tokens.Load(); room > 0 {
			b.tokens.Add(min(earned, room))
		}
	}
	if b.tokens.Add(-100) >= 0 {
		return true
	}
	b.tokens.Add(100)
	return false
}
