package main

import (
	"math"
	"slices"
	"time"
)

// percentile is the smallest of the durations that at least p per cent of them
// do not exceed; 0 of none.
func percentile(durations []time.Duration, p float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// round keeps a figure readable: three digits after the point.
func round(value float64) float64 { return math.Round(value*1000) / 1000 }

func milliseconds(d time.Duration) float64 {
	return round(float64(d) / float64(time.Millisecond))
}
