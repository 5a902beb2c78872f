package gateways

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/observe"
)

// Spans say where spans of sampled requests go.
type Spans struct {
	// Endpoint is an OpenTelemetry collector's, as http://host:4318, with the path
	// v1/traces unless it has one; no spans are made where it is empty.
	Endpoint string
	// Ratio, from 0 to 1, is the share of traces that begin at the gateway and are
	// sampled. A request of a trace that its caller samples always is.
	Ratio float64
}

// Validate says what is wrong.
func (s Spans) Validate() error {
	if s.Ratio < 0 || s.Ratio > 1 {
		return fmt.Errorf("a share of %v of all traces cannot be sampled: use 0 to 1", s.Ratio)
	}
	if s.Endpoint == "" {
		return nil
	}
	at, err := url.Parse(s.Endpoint)
	if err != nil || at.Host == "" || at.User != nil || at.Scheme != "http" && at.Scheme != "https" {
		return errors.New("the endpoint for spans must be http://HOST:PORT or https://HOST:PORT, without a user")
	}
	return nil
}

// tracer exports spans; nil where there is no endpoint.
func (s Spans) tracer(ctx context.Context, log *slog.Logger) (*observe.Tracer, error) {
	if s.Endpoint == "" {
		return nil, nil
	}
	at, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of spans: %w", err)
	}
	if at.Path == "" || at.Path == "/" {
		at = at.JoinPath("v1", "traces")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, fmt.Errorf("make the exporter of spans: %w", err)
	}
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("make identifiers of spans: %w", err)
	}
	return observe.NewTracer(logged{exporter, log}, s.Ratio, seed), nil
}

// logged tells of spans that could not be exported where the program tells all
// else; OpenTelemetry would write to the standard error.
type logged struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans exports spans, or loses them.
func (l logged) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.log.WarnContext(ctx, "spans are lost", "count", len(spans), "error", err)
	}
	return nil
}
