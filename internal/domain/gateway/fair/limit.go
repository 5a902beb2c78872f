package fair

import (
	"math"
	"time"
)

const (
	// fewest and most bound how many requests a backend gets at a time, and
	// initial is where the search begins.
	fewest, initial, most = 8, 32, 4096
	// tolerance is how much slower than usual answers may come, and eager the same while
	// the limit was never too high; headroom is how much is tried beyond that, in roots
	// of the limit.
	tolerance, eager, headroom = 1.05, 1.2, 0.5
	// smoothing is how far one window moves the limit, memory how far it moves what is
	// known of late.
	smoothing, memory = 0.2, 0.25
	// growth is how far a window raises a limit that was never too high, and retreat
	// undoes the last of these.
	growth, retreat = 1.5, 0.6
	// rising is how far a window raises the usual latency where the limit is not used.
	rising = 0.02
	// window is the least number of answers that are judged together.
	window = 32
	// pause is how many windows there are between two looks at how fast the backend is
	// with fewer of the requests that it may have, and learning how far a look moves
	// the usual latency. Fewer times tolerance is so far below 1 that a limit that is too
	// high shrinks though the look itself was at a limit that is.
	pause, fewer, learning = 20, 0.75, 0.25
)

// limiter finds how many requests a backend bears at a time.
type limiter struct {
	limit         float64
	usual, recent float64 // latencies in seconds; 0 before the first window
	settled       bool    // the limit was too high once
	looked        bool    // the usual latency is of a look

	count, failed, peak int
	total               float64 // seconds of the window's answers

	// looking says that the backend gets fewer requests; before are the answers to those
	// that it had got already, and windows how many there were since the last look.
	looking         bool
	before, windows int
}

func newLimiter() limiter { return limiter{limit: initial} }

// now is the limit in whole requests.
func (l *limiter) now() int {
	if l.looking {
		return max(fewest, int(l.limit*fewer))
	}
	return int(l.limit)
}

// entered notes how many are in.
func (l *limiter) entered(inside int) { l.peak = max(l.peak, inside) }

// answered notes one answer, and judges the window when it is full.
func (l *limiter) answered(latency time.Duration, failed bool) {
	if l.before > 0 {
		l.before--
		return
	}
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
	used := float64(l.peak) >= l.limit/2
	if answers := l.count - l.failed; answers > 0 {
		l.follow(l.total/float64(answers), used)
	}
	if l.failed*10 > l.count { // more than a tenth
		l.limit, l.settled = l.limit*0.8, true
	}
	l.limit = min(max(l.limit, fewest), most)
	l.windows++
	switch {
	case l.looking:
		l.looking, l.windows, l.before = false, 0, l.peak
	case l.settled && used && l.windows >= pause:
		l.looking, l.before = true, l.peak
	}
}

// follow learns from a window's latency, and moves the limit if it is used: else its
// height explains nothing, and the latency is the usual one.
func (l *limiter) follow(latency float64, used bool) {
	switch {
	case l.looking && !l.looked:
		l.usual, l.looked = latency, true
	case l.looking:
		l.usual += (latency - l.usual) * learning
	case !used:
		l.rest(latency)
	default:
		l.move(latency)
	}
}

// rest learns from a window in which the limit was not used.
func (l *limiter) rest(latency float64) {
	l.recent = latency
	if l.usual == 0 || latency < l.usual {
		l.usual = latency
	}
	l.usual += (latency - l.usual) * rising
}

// move brings the limit nearer to where answers are as slow as may be.
func (l *limiter) move(latency float64) {
	if !l.settled {
		l.grow(latency)
		return
	}
	if l.recent == 0 {
		l.recent = latency
	}
	l.recent += (latency - l.recent) * memory
	if l.usual == 0 || l.limit <= 2*fewest {
		l.usual = max(l.usual, l.recent) // so few at a time do not slow each other down
	}
	l.limit += (l.limit*gradient(tolerance*l.usual, l.recent) + headroom*math.Sqrt(l.limit) - l.limit) * smoothing
}

// grow raises a limit that was never too high, until it is.
func (l *limiter) grow(latency float64) {
	l.recent = latency
	if l.usual == 0 || latency < l.usual {
		l.usual = latency
	}
	if gradient(eager*l.usual, latency) == 1 {
		l.limit *= growth
		return
	}
	l.settled, l.windows = true, pause // nobody knows yet how fast it is with fewer
	l.limit *= retreat
}

// gradient is how much of a limit is right by how slow answers may be and are.
func gradient(may, are float64) float64 {
	if are <= may {
		return 1
	}
	return max(may/are, 0.5)
}
