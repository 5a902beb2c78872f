package app

import (
	"runtime"
	"testing"
	"time"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 100}, {1 * mib, 400}, {32 * mib, 250}, {56 * mib, 100}, {70 * mib, 60}, {75 * mib, 50}, {128 * mib, 50}, {4096 * mib, 50},
	} {
		if got := growth(c.live); got != c.want {
			t.Errorf("a heap of %d MiB grows by %d %%, want %d", c.live/mib, got, c.want)
		}
	}
}

func TestOnCollection(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	onCollection(func() { close(heard) })
	deadline := time.After(time.Minute)
	for {
		runtime.GC()
		select {
		case <-heard:
			if liveHeap() == 0 {
				t.Error("nothing is in use after a collection")
			}
			return
		case <-deadline:
			t.Fatal("nobody hears of collections")
		default:
		}
	}
}
