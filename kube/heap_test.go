package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for live, want := range map[uint64]int{
		0: atMost, 1 * mib: atMost, 51 * mib: atMost, 160 * mib: 220, 128 * mib: 300,
		250 * mib: 100, 256 * mib: 100, 300 * mib: 100, 4096 * mib: 100,
	} {
		if got := growth(live); got != want {
			t.Errorf("%d MiB in use grow by %d %%, want %d", live/mib, got, want)
		}
	}
}

// TestRoomy is not parallel: the measure is the process' own.
func TestRoomy(t *testing.T) {
	debug.SetGCPercent(77)
	roomy()
	if got := measure(); got != 77 {
		t.Errorf("the heap grows by %d %%, want the 77 that somebody said", got)
	}
	debug.SetGCPercent(goCollects)
	roomy()
	if got := measure(); got != atMost {
		t.Fatalf("at first the heap grows by %d %%, want %d", got, atMost)
	}
	held := make([]byte, ample)
	for range 1000 {
		runtime.GC() // tells what is in use, and has the measure follow it soon
		if measure() == goCollects {
			runtime.KeepAlive(held)
			return
		}
	}
	t.Errorf("a large heap grows by %d %%, want %d", measure(), goCollects)
}

func measure() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
