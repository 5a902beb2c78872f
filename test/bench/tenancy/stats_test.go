package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, c := range []struct {
		name      string
		durations []time.Duration
		p         float64
		want      time.Duration
	}{
		{"none", nil, 99, 0},
		{"one is every percentile", []time.Duration{7}, 1, 7},
		{"median", hundred, 50, 50},
		{"the tail is not averaged away", hundred, 99, 99},
		{"few values: the worst is p99", []time.Duration{3, 1, 2}, 99, 3},
		{"all", hundred, 100, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := percentile(c.durations, c.p); got != c.want {
				t.Errorf("percentile %v = %d, want %d", c.p, got, c.want)
			}
		})
	}
}
