package app

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Most of the heap is what caches hold for long, and Go lets a heap double before it
// is collected. A large one is collected when it has grown by half: that takes a
// quarter less memory. A small one may grow as far as ample, because it is seldom
// worth the processor time to collect it sooner.
const (
	goCollects   = 100 // Go's own measure, in percent
	collectAfter = 50  // of a large heap
	ample        = 112 << 20
)

// thrifty has the process collect garbage by this measure, unless somebody has
// said by which.
func thrifty() {
	if said := debug.SetGCPercent(collectAfter); said != goCollects {
		debug.SetGCPercent(said)
		return
	}
	now, after := collectAfter, func() {}
	after = func() {
		if next := growth(liveHeap()); next != now {
			now = next
			debug.SetGCPercent(now)
		}
		onCollection(after)
	}
	onCollection(after)
}

// growth is by how many percent a heap grows, of which so many bytes are in use,
// before it is collected.
func growth(live uint64) int {
	if live == 0 {
		return goCollects
	}
	const steps = 5 // small differences are not worth a change, which stops the program for a moment
	upTo := int(min(ample*100/live, 5*goCollects)) - 100
	return max(upTo-upTo%steps, collectAfter)
}

// onCollection calls after, once, when garbage was next collected.
func onCollection(after func()) {
	runtime.AddCleanup(new([64]byte), func(f func()) { f() }, after)
}

// liveHeap is how many bytes the last collection found in use.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
