package fair

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// event is something that happens at a time of the simulation.
type event struct {
	at time.Duration
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simulation is a backend with so many workers, and tenants who call it at
// random times. The backend queues what it gets beyond that, as servers do.
type simulation struct {
	queue   *queue
	random  *rand.Rand
	lasts   func(*rand.Rand) float64
	now     time.Duration
	coming  events
	workers int
	busy    int
	backlog []func()

	took    map[string][]time.Duration
	shed    map[string]int
	waiters []waiting
}

// waiting is a call that waits, and what it does when it may.
type waiting struct {
	*waiter
	do func()
}

const (
	// service is how long a worker takes, give or take half of it.
	service = 10 * time.Millisecond
	// warmUp is not measured: what the backend bears is being found.
	warmUp = time.Second
)

func simulate(workers int, rates map[string]float64, over time.Duration) *simulation {
	return simulateWith(1, uniform, workers, rates, over)
}

// uniform is how much longer or shorter than usual work takes.
func uniform(random *rand.Rand) float64 { return 0.5 + random.Float64() }

func simulateWith(seed uint64, work func(*rand.Rand) float64, workers int, rates map[string]float64, over time.Duration) *simulation {
	s := &simulation{
		queue: newQueue(), random: rand.New(rand.NewPCG(seed, 2)), lasts: work, workers: workers,
		took: map[string][]time.Duration{}, shed: map[string]int{},
	}
	names := make([]string, 0, len(rates))
	for name := range rates {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.arrive(name, rates[name], over)
	}
	for s.coming.Len() > 0 {
		next := heap.Pop(&s.coming).(event)
		s.now = next.at
		next.do()
	}
	return s
}

func (s *simulation) after(d time.Duration, do func()) {
	heap.Push(&s.coming, event{s.now + d, do})
}

// arrive has the tenant call after a random while, again and again.
func (s *simulation) arrive(name string, rate float64, over time.Duration) {
	s.after(time.Duration(s.random.ExpFloat64()/rate*float64(time.Second)), func() {
		if s.now > over {
			return
		}
		s.call(name)
		s.arrive(name, rate, over)
	})
}

func (s *simulation) call(name string) {
	began := s.now
	t := s.queue.of(name, func(string) float64 { return 1 })
	if s.queue.enter(t) {
		s.work(t, began)
		return
	}
	w := s.queue.wait(t)
	if w == nil {
		s.shed[name]++
	} else {
		s.waiters = append(s.waiters, waiting{w, func() { s.work(t, began) }})
		s.after(usualPatience, func() {
			if s.queue.remove(w) {
				s.shed[name]++
				s.waiters = slices.DeleteFunc(s.waiters, func(one waiting) bool { return one.waiter == w })
			}
		})
	}
	s.settle()
}

// settle goes on with those whose wait is over.
func (s *simulation) settle() {
	var over []waiting
	s.waiters = slices.DeleteFunc(s.waiters, func(one waiting) bool {
		select {
		case <-one.done:
			over = append(over, one)
			return true
		default:
			return false
		}
	})
	for _, one := range over {
		if one.granted {
			one.do()
		} else {
			s.shed[one.tenant.name]++
		}
	}
}

// work has the backend answer: at once when a worker is free.
func (s *simulation) work(t *tenant, began time.Duration) {
	entered := s.now
	run := func() {
		s.busy++
		s.after(time.Duration(s.lasts(s.random)*float64(service)), func() {
			s.busy--
			if began > warmUp {
				s.took[t.name] = append(s.took[t.name], s.now-began)
			}
			s.queue.leave(t, s.now-entered, false, true)
			if len(s.backlog) > 0 {
				next := s.backlog[0]
				s.backlog = s.backlog[1:]
				next()
			}
			s.settle()
		})
	}
	if s.busy < s.workers {
		run()
		return
	}
	s.backlog = append(s.backlog, run)
}

func percentile(of []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(int(float64(len(sorted))*share), len(sorted)-1)]
}

// TestOneTenantAtTwentyTimesItsShare has a backend of 100 workers, good for
// 10,000 requests a second, and 21 tenants. Each of 20 calls with half of its
// share, one with twenty times its.
func TestOneTenantAtTwentyTimesItsShare(t *testing.T) {
	t.Parallel()
	const workers, over = 100, 4 * time.Second
	share := float64(workers) / service.Seconds() / 21
	rates := map[string]float64{}
	for i := range 20 {
		rates[fmt.Sprintf("tenant-%02d", i)] = share / 2
	}
	solo := percentile(simulate(workers, map[string]float64{"tenant-00": share / 2}, over).took["tenant-00"], 0.99)
	rates["loud"] = 20 * share
	crowded := simulate(workers, rates, over)
	for i := range 20 {
		name := fmt.Sprintf("tenant-%02d", i)
		passed, shed := len(crowded.took[name]), crowded.shed[name]
		if success := float64(passed) / float64(passed+shed); success < 0.999 {
			t.Errorf("%s: %.4f of its requests succeed, want at least 0.999", name, success)
		}
		if p99 := percentile(crowded.took[name], 0.99); p99 > solo*3/2 {
			t.Errorf("%s: p99 %v, want at most 1.5 times the %v it has alone", name, p99, solo)
		}
	}
	loud := len(crowded.took["loud"])
	if least := share * 8 * (over - warmUp).Seconds(); float64(loud) < least {
		t.Errorf("the loud tenant gets %d answers of what the others leave, want at least %.0f", loud, least)
	}
	if crowded.shed["loud"] == 0 {
		t.Error("the loud tenant is never turned away")
	}
}

// TestSmallBackendIsFair is the same with a backend of 20 workers, where each request
// too many that it gets makes all slower by a twentieth: what the quiet ones see, all
// together, stays well below 1.5 times the longest that work takes, whatever the chance.
func TestSmallBackendIsFair(t *testing.T) {
	t.Parallel()
	const workers, over = 20, 3 * time.Second
	share := float64(workers) / service.Seconds() / 21
	rates := map[string]float64{"loud": 20 * share}
	for i := range 20 {
		rates[fmt.Sprintf("tenant-%02d", i)] = share / 2
	}
	for seed := range uint64(2) {
		crowded := simulateWith(seed, uniform, workers, rates, over)
		loud := len(crowded.took["loud"])
		delete(crowded.took, "loud")
		others := slices.Concat(slices.Collect(maps.Values(crowded.took))...)
		if p99, most := percentile(others, 0.99), service*3/2*145/100; p99 > most {
			t.Errorf("seed %d: p99 %v, want at most %v", seed, p99, most)
		}
		if least := share * 10 * (over - warmUp).Seconds(); float64(loud) < least {
			t.Errorf("seed %d: the loud tenant gets %d answers of what the others leave, want at least %.0f", seed, loud, least)
		}
	}
}

// TestLimitBearsChance: however much the time that work takes varies, a backend that
// always has callers is kept busy.
func TestLimitBearsChance(t *testing.T) {
	t.Parallel()
	const workers, over = 50, 3 * time.Second
	s := simulateWith(3, (*rand.Rand).ExpFloat64, workers, map[string]float64{"a": 2800, "b": 2800}, over)
	done, could := len(s.took["a"])+len(s.took["b"]), (over-warmUp).Seconds()*workers/service.Seconds()
	if float64(done) < 0.8*could {
		t.Errorf("%d answers of %.0f that the backend could give", done, could)
	}
	if limit := s.queue.now(); limit > 2*workers {
		t.Errorf("a backend of %d workers gets %d requests at a time", workers, limit)
	}
}

func TestLimitFindsWhatTheBackendBears(t *testing.T) {
	t.Parallel()
	s := simulate(20, map[string]float64{"a": 1000, "b": 1000, "c": 1000}, 6*time.Second)
	if limit := s.queue.now(); limit > 90 {
		t.Errorf("the limit of a backend with 20 workers, called with 1.5 times what it can do, is %d", limit)
	}
	if done := len(s.took["a"]) + len(s.took["b"]) + len(s.took["c"]); done < 5*2000*9/10 {
		t.Errorf("%d answers in 5 s of a backend that can give 10000", done)
	}
}

func TestLimitIsCutWhenAnswersFail(t *testing.T) {
	t.Parallel()
	l := newLimiter()
	for range 5000 {
		l.entered(l.now())
		l.answered(0, true)
	}
	if l.now() != fewest {
		t.Errorf("the limit of a backend that always fails is %d, want %d", l.now(), fewest)
	}
	for range 5000 {
		l.entered(l.now())
		l.answered(time.Millisecond, false)
	}
	if l.now() < 64 {
		t.Errorf("the limit of a backend that is well again is %d", l.now())
	}
}

func TestLimitOfABackendThatBecameSlow(t *testing.T) {
	t.Parallel()
	l := newLimiter()
	for range 5000 {
		l.entered(100)
		l.answered(time.Millisecond, false)
	}
	for range 20_000 {
		l.entered(l.now())
		l.answered(5*time.Millisecond, false)
	}
	if l.now() < 64 {
		t.Errorf("a backend that is slow however few requests it has gets %d at a time", l.now())
	}
}
