package proxy

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
)

// Bounds of mirrors: how many at once, and how long one may take. Beyond them
// copies are dropped: a mirror must not hold up what it mirrors.
const (
	maxMirrors    = 256
	mirrorTimeout = 30 * time.Second
)

// mirrors owns the goroutines that send copies.
type mirrors struct {
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex // guards ended, so that nothing begins after the end
	ended  bool
}

func (m *mirrors) begin() {
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.slots = make(chan struct{}, maxMirrors)
}

func (m *mirrors) end() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.cancel()
	m.wg.Wait()
}

// spawn does it beside requests, if there is room.
func (m *mirrors) spawn(do func(ctx context.Context)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	select {
	case m.slots <- struct{}{}:
	default:
		return
	}
	m.wg.Go(func() {
		defer func() { <-m.slots }()
		ctx, cancel := context.WithTimeout(m.ctx, mirrorTimeout)
		defer cancel()
		do(ctx)
	})
}

// mirror sends copies of the request to where its mirrors say. Requests whose
// bodies are not known to be small, and those that upgrade, are not copied.
func (f *flow) mirror() {
	if len(f.target.mirrors) == 0 || upgrades(f.x.Request) {
		return
	}
	for i := range f.target.mirrors {
		m := &f.target.mirrors[i]
		if m.slot == noSlot || !m.sample.Next() {
			continue
		}
		body, ok := f.copied()
		if !ok {
			return
		}
		f.copyTo(f.snapshot.pools[m.slot], body)
	}
}

// copied returns the body for copies.
func (f *flow) copied() ([]byte, bool) {
	length := f.x.Request.ContentLength
	if f.inbound == nil || length == 0 {
		return nil, true
	}
	if length < 0 || length > replayable {
		return nil, false
	}
	kept, ok := f.inbound.small()
	return bytes.Clone(kept), ok
}

func (f *flow) copyTo(pool *balance.Pool, body []byte) {
	request := f.x.Request
	twin := &http1.Request{
		Method: strings.Clone(request.Method), Path: strings.Clone(request.Path), Query: strings.Clone(request.Query),
		HasQuery: request.HasQuery, Authority: strings.Clone(request.Authority), Scheme: request.Scheme, Minor: request.Minor,
		Remote: request.Remote, ContentLength: int64(len(body)),
	}
	for _, field := range request.Header {
		twin.Header.Add(strings.Clone(field.Name), strings.Clone(field.Value))
	}
	if len(body) > 0 {
		twin.Body = &localBody{rest: body}
	}
	transport, clock := f.proxy.transport, f.proxy.clock
	f.proxy.mirrors.spawn(func(ctx context.Context) {
		endpoint, err := pool.Pick(clock.Now(), nil)
		if err != nil {
			return
		}
		var answer http1.Response
		err = transport.RoundTrip(ctx, pool.Backend, endpoint.Endpoint, twin, &answer)
		if answer.Body != nil && err == nil {
			_, _ = io.Copy(io.Discard, answer.Body) // nobody reads it
			_ = answer.Body.Close()
		}
		pool.Done(endpoint, resultOf(err), clock.Now())
	})
}
