package observe

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

const (
	// logPause is how long a line may wait to be written.
	logPause = time.Second
	// logChunk is how much makes a write at once.
	logChunk = 64 << 10
	// logRoom is how much may wait while the writer is slow; lines beyond it are
	// dropped and counted.
	logRoom = 8 << 20
)

// AccessLog writes a line of JSON for each request. Run writes; Done only adds to
// a buffer.
type AccessLog struct {
	to    io.Writer
	clock clock.WithTicker
	wake  chan struct{}

	mu      sync.Mutex
	waiting []byte // guarded by mu

	spare   []byte // belongs to Run
	dropped atomic.Int64
}

// NewAccessLog returns a log whose Run writes to a writer.
func NewAccessLog(to io.Writer, c clock.WithTicker) *AccessLog {
	return &AccessLog{to: to, clock: c, wake: make(chan struct{}, 1)}
}

// Dropped is how many lines there was no room for, or which could not be written.
func (l *AccessLog) Dropped() int64 { return l.dropped.Load() }

// Run writes until the context ends, and then what is left.
func (l *AccessLog) Run(ctx context.Context) {
	ticker := l.clock.NewTicker(logPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.Flush()
			return
		case <-l.wake:
		case <-ticker.C():
		}
		l.Flush()
	}
}

// Flush writes what is waiting. It is called by one goroutine at a time.
func (l *AccessLog) Flush() {
	l.mu.Lock()
	full := l.waiting
	l.waiting = l.spare[:0]
	l.mu.Unlock()
	if len(full) > 0 {
		if _, err := l.to.Write(full); err != nil {
			l.dropped.Add(lines(full))
		}
	}
	if cap(full) > 4*logChunk {
		full = nil // A burst does not hold memory for ever.
	}
	l.spare = full
}

func lines(text []byte) (n int64) {
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return n
}

// Done adds a request's line.
func (l *AccessLog) Done(x *exchange.Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= logRoom {
		l.dropped.Add(1)
		return
	}
	l.waiting = appendLine(l.waiting, x)
	if len(l.waiting) >= logChunk {
		select {
		case l.wake <- struct{}{}:
		default: // It is awake.
		}
	}
}

// appendLine appends the line of a request. The names are those of Envoy's JSON
// access log where it has one.
func appendLine(out []byte, x *exchange.Exchange) []byte {
	out = append(out, `{"start_time":"`...)
	out = x.Start.UTC().AppendFormat(out, "2006-01-02T15:04:05.000Z07:00")
	out = append(out, '"')
	o := object{out}
	o.text("method", x.Method)
	o.text("authority", x.Host)
	o.text("path", x.Path)
	o.number("response_code", int64(x.Status))
	o.text("response_flags", string(x.Flag))
	o.text("response_code_details", x.Reason)
	o.number("bytes_received", x.BytesIn)
	o.number("bytes_sent", x.BytesOut)
	o.millis("duration", x.Duration.Microseconds())
	appendBackend(&o, x)
	appendPlace(&o, x)
	appendCaller(&o, x)
	o.text("request_id", x.RequestID)
	o.text("traceparent", x.TraceParent)
	return append(o.out, '}', '\n')
}

func appendBackend(o *object, x *exchange.Exchange) {
	if x.Attempts == 0 {
		return
	}
	o.millis("upstream_service_time", x.Upstream.Microseconds())
	if x.Backend != nil {
		o.text("upstream_cluster", x.Backend.ID)
	}
	if x.Endpoint.IsValid() {
		o.key("upstream_host")
		o.out = append(o.out, '"')
		o.out = x.Endpoint.AppendTo(o.out)
		o.out = append(o.out, '"')
	}
	if x.Attempts > 1 {
		o.number("upstream_request_attempt_count", int64(x.Attempts))
	}
}

func appendPlace(o *object, x *exchange.Exchange) {
	if x.Listener != nil {
		o.text("listener", x.Listener.Name)
	}
	if x.Route != nil {
		o.key("route_name")
		o.out = append(o.out, '"')
		o.out = append(o.out, x.Route.Namespace...) // Kubernetes' names need no escaping.
		o.out = append(o.out, '/')
		o.out = append(o.out, x.Route.Name...)
		o.out = append(o.out, '"')
	}
	if x.Lifecycle != nil {
		o.text("api", x.Lifecycle.API)
		o.text("api_version", x.Lifecycle.Version)
	}
}

func appendCaller(o *object, x *exchange.Exchange) {
	if x.Identity != nil {
		o.text("tenant", x.Identity.Tenant)
		o.text("business_unit", x.Identity.BusinessUnit)
		o.text("client", x.Identity.Client)
		o.text("subject", x.Identity.Subject)
	}
	if x.Request == nil {
		return
	}
	if remote := x.Request.Remote; remote.IsValid() {
		o.key("downstream_remote_address")
		o.out = append(o.out, '"')
		o.out = remote.AppendTo(o.out)
		o.out = append(o.out, '"')
	}
	o.text("user_agent", x.Request.Header.Get("User-Agent"))
}
