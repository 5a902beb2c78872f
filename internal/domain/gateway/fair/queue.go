package fair

import (
	"slices"
	"strings"
	"time"
)

const (
	// mostWaiting is how many requests wait for one backend.
	mostWaiting = 1024
	// mostTenants is how many tenants without requests are remembered.
	mostTenants = 1024
)

// queue is one backend: who is in, and who waits. It knows neither locks nor
// time.
type queue struct {
	limiter
	tenants map[string]*tenant
	waiting []*tenant // those with waiters, in no order
	length  int       // of all queues
	inside  int
	served  float64 // how far service has come, in turns
}

// tenant is one tenant at one backend.
type tenant struct {
	name    string
	weight  float64
	inside  int
	next    float64 // the turn it has next
	waiters []*waiter
}

// waiter is a request that waits. Who ends the wait sets granted and closes done.
type waiter struct {
	tenant  *tenant
	granted bool
	done    chan struct{}
}

func newQueue() *queue { return &queue{limiter: newLimiter(), tenants: make(map[string]*tenant)} }

// of returns what is known of the tenant.
func (q *queue) of(name string, weigh func(string) float64) *tenant {
	if known := q.tenants[name]; known != nil {
		return known
	}
	if len(q.tenants) >= mostTenants {
		for other, idle := range q.tenants {
			if idle.inside == 0 && len(idle.waiters) == 0 {
				delete(q.tenants, other)
			}
		}
	}
	made := &tenant{name: strings.Clone(name), weight: max(weigh(name), 0.01)}
	q.tenants[made.name] = made
	return made
}

// room tells whether the backend bears one more request of the tenant.
func (q *queue) room(t *tenant) bool {
	limit := q.now()
	return q.inside < limit && t.inside < limit-limit/8
}

// enter lets a request of the tenant in, or returns false: then it has to wait.
func (q *queue) enter(t *tenant) bool {
	if len(t.waiters) > 0 || !q.room(t) {
		return false
	}
	q.admit(t)
	return true
}

func (q *queue) admit(t *tenant) {
	q.served = max(q.served, t.next)
	t.next = max(t.next, q.served) + 1/t.weight
	t.inside++
	q.inside++
	q.entered(q.inside)
}

// wait puts a request into the tenant's queue. Where all queues together are full
// the tenant with the longest, for its weight, loses its last; that may be this
// very request: then there is no waiter. The request that lost is let go.
func (q *queue) wait(t *tenant) *waiter {
	if q.length >= mostWaiting {
		heaviest := q.heaviest()
		if float64(len(t.waiters)+1)/t.weight >= heaviest.burden() {
			return nil
		}
		last := heaviest.waiters[len(heaviest.waiters)-1]
		q.remove(last)
		close(last.done)
	}
	made := &waiter{tenant: t, done: make(chan struct{})}
	if len(t.waiters) == 0 {
		t.next = max(t.next, q.served)
		q.waiting = append(q.waiting, t)
	}
	t.waiters = append(t.waiters, made)
	q.length++
	return made
}

func (t *tenant) burden() float64 { return float64(len(t.waiters)) / t.weight }

func (q *queue) heaviest() *tenant {
	return slices.MaxFunc(q.waiting, func(a, b *tenant) int {
		switch {
		case a.burden() < b.burden():
			return -1
		case a.burden() > b.burden():
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
}

// remove takes a waiter out of its queue, if it is still there.
func (q *queue) remove(w *waiter) bool {
	at := slices.Index(w.tenant.waiters, w)
	if at < 0 {
		return false
	}
	w.tenant.waiters = slices.Delete(w.tenant.waiters, at, at+1)
	q.length--
	if len(w.tenant.waiters) == 0 {
		last := len(q.waiting) - 1
		at := slices.Index(q.waiting, w.tenant)
		q.waiting[at] = q.waiting[last]
		q.waiting[last] = nil
		q.waiting = q.waiting[:last]
	}
	return true
}

// leave takes a request out, and learns from how it went.
func (q *queue) leave(t *tenant, latency time.Duration, failed, learn bool) {
	q.inside--
	t.inside--
	if learn {
		q.answered(latency, failed)
	}
	q.proceed()
}

// proceed lets in who is next, as long as there is room.
func (q *queue) proceed() {
	for q.length > 0 && q.inside < q.now() {
		next := q.next()
		if next == nil {
			return
		}
		first := next.waiters[0]
		q.remove(first)
		q.admit(next)
		first.granted = true
		close(first.done)
	}
}

// next is the tenant whose turn it is; nil where none of those that wait has
// room.
func (q *queue) next() *tenant {
	var best *tenant
	for _, t := range q.waiting {
		if q.room(t) && (best == nil || t.before(best)) {
			best = t
		}
	}
	return best
}

func (t *tenant) before(other *tenant) bool {
	mine, theirs := float64(t.inside)/t.weight, float64(other.inside)/other.weight
	if mine != theirs {
		return mine < theirs
	}
	if t.next != other.next {
		return t.next < other.next
	}
	return t.name < other.name
}
