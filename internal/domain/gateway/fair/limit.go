package fair

import (
	"math"
	"time"
)

const (
	// fewest and most bound how many requests a backend gets at a time, and
	// initial is where the search begins.
	fewest, initial, most = 8, 32, 4096
	// tolerance is how much slower than usual answers may come.
	tolerance = 1.2
	// smoothing is how far one window moves the limit.
	smoothing = 0.2
	// rising is how far one window raises the usual latency.
	rising = 0.02
	// window is the least number of answers that are judged together.
	window = 32
)

// limiter finds how many requests a backend bears at a time.
type limiter struct {
	limit   float64
	usual   float64 // seconds; 0 before the first window
	settled bool    // the limit was too high once

	count, failed, peak int
	total               float64 // seconds of the window's answers
}

func newLimiter() limiter { return limiter{limit: initial} }

// now is the limit in whole requests.
func (l *limiter) now() int { return int(l.limit) }

// entered notes how many are in.
func (l *limiter) entered(inside int) { l.peak = max(l.peak, inside) }

// answered notes one answer, and judges the window when it is full.
func (l *limiter) answered(latency time.Duration, failed bool) {
	l.count++
	if failed {
		l.failed++
	} else {
		l.total += latency.Seconds()
	}
	if l.count >= max(window, l.now()/2) {
		l.judge()
		l.count, l.failed, l.peak, l.total = 0, 0, 0, 0
	}
}

func (l *limiter) judge() {
	if answers := l.count - l.failed; answers > 0 {
		l.follow(l.total/float64(answers), float64(l.peak) >= l.limit/2)
	}
	if l.failed*10 > l.count { // more than a tenth
		l.limit, l.settled = l.limit*0.8, true
	}
	l.limit = min(max(l.limit, fewest), most)
}

// follow moves the limit by how the latency compares to the usual, if the limit
// is used: else its height explains nothing, and the latency is the usual one.
func (l *limiter) follow(latency float64, used bool) {
	switch {
	case l.usual == 0 || latency < l.usual:
		l.usual = latency
	case !used:
		l.usual += (latency - l.usual) * rising
	case l.settled && l.limit <= 2*fewest:
		l.usual = latency // so few at a time do not slow each other down
	}
	if !used {
		return
	}
	gradient := 1.0
	if latency > 0 {
		gradient = min(max(tolerance*l.usual/latency, 0.5), 1)
	}
	l.settled = l.settled || gradient < 1
	if !l.settled {
		l.limit *= 1.5
		return
	}
	l.limit += (l.limit*gradient + math.Sqrt(l.limit) - l.limit) * smoothing
}
