package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// ample is how many bytes the API server's heap may grow to before it is
	// collected, however few of them are in use. Go lets a heap double; that of a
	// small cluster doubles several times a second while many write, which takes a
	// quarter of the processor time and most of the longest answers. A heap of
	// more than half of ample is collected as Go does.
	ample = 512 << 20

	goCollects   = 100 // Go's own measure, in percent of what is in use
	atMost       = 900 // of growth: what was in use may be told late
	worthAChange = 10  // percent; a change of the measure stops the process for a moment
)

// roomy collects this process' garbage by that measure, unless somebody has said
// by which.
func roomy() {
	if said := debug.SetGCPercent(atMost); said != goCollects {
		debug.SetGCPercent(said)
		return
	}
	now := atMost
	var collected func(struct{})
	collected = func(struct{}) {
		if next := growth(inUse()); next != now {
			now = next
			debug.SetGCPercent(now)
		}
		runtime.AddCleanup(new([64]byte), collected, struct{}{})
	}
	runtime.AddCleanup(new([64]byte), collected, struct{}{})
}

// growth is by how many percent a heap grows of which so many bytes are in use.
func growth(live uint64) int {
	upTo := int(min(ample*100/max(live, 1), atMost+100)) - 100
	return max(upTo-upTo%worthAChange, goCollects)
}

// inUse is what the last collection found in use.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
