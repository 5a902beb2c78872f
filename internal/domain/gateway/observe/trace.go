package observe

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// Tracer makes a span of each sampled request. A request is sampled where its
// caller's trace is, and one that begins a trace so often as the ratio says.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ratio    float64

	mu     sync.Mutex
	random *rand.Rand // guarded by mu
}

// NewTracer exports spans through an exporter. Ratio, from 0 to 1, is the share
// of traces that begin here and are sampled; seed makes their identifiers.
func NewTracer(exporter sdktrace.SpanExporter, ratio float64, seed [32]byte) *Tracer {
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // Only sampled requests become spans.
		sdktrace.WithIDGenerator(given{}),
	)
	return &Tracer{
		provider: provider, tracer: provider.Tracer("github.com/roadbed-dev/roadbed/gateway"), ratio: ratio,
		random: rand.New(rand.NewChaCha8(seed)),
	}
}

// Shutdown exports what is left.
func (t *Tracer) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// identifiers of a span that was promised to a backend before it became one.
type identifiers struct {
	trace trace.TraceID
	span  trace.SpanID
}

type identifiersKey struct{}

// given hands out identifiers that the context carries.
type given struct{}

// NewIDs is called for the first span of a trace.
func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	ids, _ := ctx.Value(identifiersKey{}).(identifiers)
	return ids.trace, ids.span
}

// NewSpanID is called for a span of a trace that somebody else began.
func (given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	ids, _ := ctx.Value(identifiersKey{}).(identifiers)
	return ids.span
}

// start promises the backend a span, where the request is sampled.
func (t *Tracer) start(x *exchange.Exchange) {
	if x.Request == nil {
		return
	}
	origin := x.Request.Header.Get("Traceparent")
	parent, known := parse(origin)
	ids := identifiers{trace: parent.TraceID()}
	if known && !parent.IsSampled() || !t.draw(&ids, known) {
		return
	}
	x.TraceOrigin, x.TraceParent = origin, render(ids)
}

// draw makes the identifiers, and decides for a trace that begins here.
func (t *Tracer) draw(ids *identifiers, known bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !known && t.random.Float64() >= t.ratio {
		return false
	}
	for !ids.span.IsValid() {
		fill(ids.span[:], t.random)
	}
	for !ids.trace.IsValid() {
		fill(ids.trace[:], t.random)
	}
	return true
}

func fill(to []byte, random *rand.Rand) {
	for i := range to {
		to[i] = byte(random.Uint32())
	}
}

// done makes the span that was promised.
func (t *Tracer) done(x *exchange.Exchange) {
	own, ok := parse(x.TraceParent)
	if !ok || !own.IsSampled() {
		return
	}
	ctx := context.WithValue(context.Background(), identifiersKey{}, identifiers{own.TraceID(), own.SpanID()})
	if parent, known := parse(x.TraceOrigin); known {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	_, span := t.tracer.Start(ctx, name(x), trace.WithTimestamp(x.Start), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes(x)...))
	if x.Status >= 500 {
		span.SetStatus(codes.Error, string(x.Flag))
	}
	span.End(trace.WithTimestamp(x.Start.Add(x.Duration)))
}

// name is what OpenTelemetry asks of a server's span: the method and the route,
// never the path, of which there may be any number.
func name(x *exchange.Exchange) string {
	if x.Route == nil {
		return strings.Clone(x.Method)
	}
	return x.Method + " " + x.Route.Namespace + "/" + x.Route.Name
}

func attributes(x *exchange.Exchange) []attribute.KeyValue {
	all := []attribute.KeyValue{
		attribute.String("http.request.method", strings.Clone(x.Method)),
		attribute.String("server.address", strings.Clone(x.Host)),
		attribute.String("url.path", strings.Clone(x.Path)),
		attribute.Int("http.response.status_code", x.Status),
		attribute.Int("http.request.resend_count", max(x.Attempts-1, 0)),
	}
	if x.Backend != nil {
		all = append(all, attribute.String("roadbed.backend", x.Backend.ID))
	}
	if x.Identity != nil {
		all = append(all, attribute.String("roadbed.tenant", x.Identity.Tenant), attribute.String("roadbed.client", x.Identity.Client))
	}
	if x.Lifecycle != nil {
		all = append(all, attribute.String("roadbed.api", x.Lifecycle.API), attribute.String("roadbed.api.version", x.Lifecycle.Version))
	}
	return all
}

// traceparentLength is that of a traceparent of version 00, as W3C Trace Context
// has it: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>.
const traceparentLength = 55

// parse reads a traceparent. A version to come may be longer.
func parse(text string) (trace.SpanContext, bool) {
	if len(text) < traceparentLength || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return trace.SpanContext{}, false
	}
	if version := text[:2]; version == "ff" || !lowerHex(version) || version == "00" && len(text) != traceparentLength {
		return trace.SpanContext{}, false
	}
	if len(text) > traceparentLength && text[traceparentLength] != '-' {
		return trace.SpanContext{}, false
	}
	if !lowerHex(text[3:35]) || !lowerHex(text[36:52]) || !lowerHex(text[53:55]) {
		return trace.SpanContext{}, false
	}
	var config trace.SpanContextConfig
	var flags [1]byte
	decode(config.TraceID[:], text[3:35])
	decode(config.SpanID[:], text[36:52])
	decode(flags[:], text[53:55])
	config.TraceFlags, config.Remote = trace.TraceFlags(flags[0]), true
	parsed := trace.NewSpanContext(config)
	return parsed, parsed.IsValid()
}

func lowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// decode writes hexadecimal digits, which were looked at, as bytes.
func decode(to []byte, digits string) {
	for i := range to {
		to[i] = digit(digits[2*i])<<4 | digit(digits[2*i+1])
	}
}

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func render(ids identifiers) string {
	out := make([]byte, 0, traceparentLength)
	out = append(out, "00-"...)
	out = hex.AppendEncode(out, ids.trace[:])
	out = append(out, '-')
	out = hex.AppendEncode(out, ids.span[:])
	return string(append(out, "-01"...))
}
