package limit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// LeasePath is where a Lessor is asked.
const LeasePath = "/gateway/v1/leases"

const (
	// largest bounds what either side reads of the other.
	largest = 16 << 10
	// seenFor is how long a process counts as one that shares.
	seenFor = 10 * time.Second
	// mostProcesses bounds how many are counted.
	mostProcesses = 1024
)

// ask is what a process wants of its leader.
type ask struct {
	// Process names who asks, so that the leader can count.
	Process string `json:"process"`
	// Budget is the name of a cell.
	Budget string `json:"budget"`
	// Want is how many requests are asked for.
	Want int64 `json:"want"`
}

// grant is the leader's answer.
type grant struct {
	Granted int64 `json:"granted"`
	// Ahead is in nanoseconds.
	Ahead time.Duration `json:"ahead"`
	// Processes is how many share, the leader among them.
	Processes int `json:"processes"`
}

// Lessor hands out slices of a Limiter's budgets, over HTTP: the leader's side.
//
// It believes who asks. It MUST be served where only processes of the same
// gateway come in, such as behind a listener that verifies their certificates.
type Lessor struct {
	limiter *Limiter

	mu   sync.Mutex // guards seen
	seen map[string]time.Time
}

// NewLessor returns a Lessor of the budgets by which this process itself counts.
func NewLessor(limiter *Limiter) *Lessor {
	return &Lessor{limiter: limiter, seen: make(map[string]time.Time)}
}

// ServeHTTP answers POST with 200 and what was granted, 404 for a policy that
// the leader does not know, and 400 or 405 for what is no such question.
func (l *Lessor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem.Write(w, problem.New(http.StatusMethodNotAllowed, "Ask for a lease with POST."))
		return
	}
	wish, err := parseAsk(io.LimitReader(r.Body, largest))
	if err != nil {
		problem.Write(w, problem.New(http.StatusBadRequest, err.Error()))
		return
	}
	granted, ahead, err := l.limiter.lend(wish)
	if err != nil {
		problem.Write(w, problem.New(http.StatusNotFound, err.Error()))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// Who asked and does not read the answer has lost what it was granted.
	_ = json.NewEncoder(w).Encode(grant{Granted: granted, Ahead: ahead.duration(), Processes: l.count(wish.Process)})
}

// wish is an ask, understood.
type wish struct {
	ask
	policy string
	key    key
}

func parseAsk(from io.Reader) (wish, error) {
	var made wish
	if err := json.NewDecoder(from).Decode(&made.ask); err != nil {
		return made, fmt.Errorf("the question is no JSON of a lease: %w", err)
	}
	if made.Want < 1 {
		return made, errors.New("want must be at least 1")
	}
	var err error
	made.policy, made.key, err = parseName(made.Budget)
	return made, err
}

// lend charges what another process wants to the cell by which this one counts.
func (l *Limiter) lend(w wish) (granted int64, ahead ticks, err error) {
	owner := (*l.budgets.Load())[w.policy]
	if owner == nil {
		return 0, 0, fmt.Errorf("no rate limit policy %q is known here: %w", w.policy, ErrUnknown)
	}
	w.key.budget = owner
	now := l.now()
	for {
		if granted, ahead, ok := l.cells.get(&w.key, now).grant(now, w.Want); ok {
			return granted, ahead, nil
		}
	}
}

// count notes that a process asked, and says how many there are with this one.
func (l *Lessor) count(process string) int {
	now := l.limiter.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, last := range l.seen {
		if now.Sub(last) > seenFor {
			delete(l.seen, name)
		}
	}
	if len(l.seen) < mostProcesses && len(process) <= longest {
		l.seen[process] = now
	}
	return len(l.seen) + 1
}

// Remote is the Store of a process that has a leader.
type Remote struct {
	client  *http.Client
	leader  func() string
	process string
	others  atomic.Int64
}

var _ Store = (*Remote)(nil)

// NewRemote returns a Store that asks the leader's Lessor. leader says where it
// is, such as "https://10.0.0.7:9443", or "" while there is none; the client
// brings the certificates. The name of the process tells it from its like.
func NewRemote(client *http.Client, leader func() string, process string) *Remote {
	made := &Remote{client: client, leader: leader, process: process}
	made.others.Store(1)
	return made
}

// Processes is how many the leader last said there are: what to give WithStore.
func (r *Remote) Processes() int { return int(r.others.Load()) }

// Take asks the leader. The leader measures by its own Config, not by interval
// and tolerance.
func (r *Remote) Take(ctx context.Context, name string, _, _ time.Duration, want int64) (int64, time.Duration, error) {
	leader := r.leader()
	if leader == "" {
		return 0, 0, errors.New("no process leads the gateway now")
	}
	body, err := json.Marshal(ask{Process: r.process, Budget: name, Want: want})
	if err != nil {
		return 0, 0, fmt.Errorf("writing the question for a lease: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, leader+LeasePath, bytes.NewReader(body))
	if err != nil {
		return 0, 0, fmt.Errorf("asking the leader at %q for a lease: %w", leader, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return 0, 0, fmt.Errorf("asking the leader for a lease: %w", err)
	}
	defer response.Body.Close()
	return r.read(response, leader)
}

func (r *Remote) read(response *http.Response, leader string) (int64, time.Duration, error) {
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return 0, 0, fmt.Errorf("the leader at %q: %w", leader, ErrUnknown)
	default:
		return 0, 0, fmt.Errorf("the leader at %q answers %s to the question for a lease", leader, response.Status)
	}
	var got grant
	if err := json.NewDecoder(io.LimitReader(response.Body, largest)).Decode(&got); err != nil {
		return 0, 0, fmt.Errorf("reading the lease of the leader at %q: %w", leader, err)
	}
	r.others.Store(int64(max(got.Processes, 1)))
	return max(got.Granted, 0), max(got.Ahead, 0), nil
}
