package ledger

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

const (
	// Capacity is how many different uses are held between two writes.
	Capacity = 200_000
	// Pause is how long the store may lag behind.
	Pause = 2 * time.Second

	shards = 16
	// lastWords is how long the last write may take when the program ends.
	lastWords = 5 * time.Second
)

// Sink keeps uses. Add MUST keep all of them or none, and add to what it has.
type Sink interface {
	Add(ctx context.Context, uses []Use) error
}

// Use is what one client did of an API's version.
type Use struct {
	Tenant, Client, API, Version string
	// Operation is a method and a path as the API's document has them, such as
	// "GET /v1/databases/{name}".
	Operation string
	Count     int64
	First     time.Time
	Last      time.Time
}

// Ledger counts uses in memory and hands them to a Sink.
type Ledger struct {
	sink   Sink
	clock  clock.WithTicker
	log    *slog.Logger
	seed   maphash.Seed
	shards [shards]shard
	// dropped counts uses that there was no room for.
	dropped atomic.Int64
}

type shard struct {
	mu   sync.Mutex
	uses map[key]tally // guarded by mu
}

// key names a use without a string made for it.
type key struct {
	tenant, client, api, version, method string
	depth                                uint8
}

type tally struct {
	count       int64
	first, last int64 // Unix nanoseconds
}

// New returns a Ledger that writes to sink while Run runs.
func New(sink Sink, c clock.WithTicker, log *slog.Logger) *Ledger {
	l := &Ledger{sink: sink, clock: c, log: log, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].uses = map[key]tally{}
	}
	return l
}

// Record counts an exchange that is over. It keeps no string of it that is not
// the configuration's or the identity's.
func (l *Ledger) Record(x *exchange.Exchange) {
	if x.Lifecycle == nil || x.Attempts == 0 {
		return
	}
	k := key{
		api: x.Lifecycle.API, version: x.Lifecycle.Version,
		method: method(x.Method), depth: depth(x.Path, x.Lifecycle.API, x.Lifecycle.Version),
	}
	if x.Identity != nil {
		k.tenant, k.client = x.Identity.Tenant, x.Identity.Client
	}
	l.count(k, tally{count: 1, first: x.Start.UnixNano(), last: x.Start.UnixNano()})
}

func (l *Ledger) count(k key, more tally) {
	s := &l.shards[maphash.String(l.seed, k.client)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	known, found := s.uses[k]
	if !found && len(s.uses) >= Capacity/shards {
		l.dropped.Add(more.count)
		return
	}
	s.uses[k] = known.plus(more)
}

func (t tally) plus(more tally) tally {
	if t.count == 0 {
		return more
	}
	return tally{count: t.count + more.count, first: min(t.first, more.first), last: max(t.last, more.last)}
}

// Dropped is how many uses there was no room for since the ledger began.
func (l *Ledger) Dropped() int64 { return l.dropped.Load() }

// Run writes what was counted, every Pause, until the context ends, and then
// once more.
func (l *Ledger) Run(ctx context.Context) {
	ticker := l.clock.NewTicker(Pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.finish(ctx)
			return
		case <-ticker.C():
			l.write(ctx)
		}
	}
}

// finish writes what is left though the context has ended.
func (l *Ledger) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	l.write(ctx)
}

func (l *Ledger) write(ctx context.Context) {
	if err := l.Flush(ctx); err != nil {
		l.log.WarnContext(ctx, "uses of APIs are not written yet", "error", err)
	}
}

// Flush writes what was counted. What cannot be written is kept.
func (l *Ledger) Flush(ctx context.Context) error {
	taken := map[key]tally{}
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		if len(s.uses) > 0 {
			maps.Copy(taken, s.uses)
			s.uses = map[key]tally{}
		}
		s.mu.Unlock()
	}
	if len(taken) == 0 {
		return nil
	}
	uses := make([]Use, 0, len(taken))
	for k, t := range taken {
		uses = append(uses, k.use(t))
	}
	err := l.sink.Add(ctx, uses)
	if err != nil {
		for k, t := range taken {
			l.count(k, t)
		}
	}
	return err
}

func (k key) use(t tally) Use {
	return Use{
		Tenant: k.tenant, Client: k.client, API: k.api, Version: k.version, Operation: operation(k),
		Count: t.count, First: time.Unix(0, t.first).UTC(), Last: time.Unix(0, t.last).UTC(),
	}
}

// method returns one of the known methods, which lasts, or "OTHER".
func method(name string) string {
	for _, known := range [...]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
	} {
		if name == known {
			return known
		}
	}
	return "OTHER"
}

// deeper stands for all paths below an item of a collection.
const deeper = 2

// depth counts the elements of a path below the API's collection: 0 is the
// collection, 1 an item, deeper whatever is below.
func depth(path, api, version string) uint8 {
	rest := strings.TrimPrefix(path, "/")
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, version), "/")
	rest = strings.Trim(strings.TrimPrefix(rest, api), "/")
	switch {
	case rest == "":
		return 0
	case !strings.Contains(rest, "/"):
		return 1
	}
	return deeper
}

func operation(k key) string {
	path := k.method + " /" + k.version + "/" + k.api
	switch k.depth {
	case 0:
		return path
	case 1:
		return path + "/{name}"
	}
	return path + "/{name}/*"
}
