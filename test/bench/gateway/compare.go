//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// subject is a proxy that is measured.
type subject struct {
	name  string
	start func() (*process, netip.AddrPort, error)
	samples
}

// samples are one for each round.
type samples struct {
	cpu      []float64 // microseconds per request
	rate     []float64
	p50, p99 []float64 // milliseconds
	rss      float64   // MiB, after the last round
}

// connections are those of a client to a proxy.
const connections = 64

// The subjects that are Roadbed.
const (
	bare  = "roadbed, legs only"
	plain = "roadbed, plain"
	full  = "roadbed, full chain"
)

// roadbed starts a gateway with one route.
func (b *bench) roadbed(chain string) func() (*process, netip.AddrPort, error) {
	return func() (*process, netip.AddrPort, error) { return b.gateway(chain, 1) }
}

// compare measures all proxies in turns, so that what else goes on in the
// machine meets all of them.
func (b *bench) compare(ctx context.Context) error {
	subjects := []*subject{
		{name: "nginx", start: b.nginx},
		{name: "caddy", start: b.caddy},
		{name: bare, start: b.roadbed("legs")},
		{name: plain, start: b.roadbed("plain")},
		{name: full, start: b.roadbed("full")},
	}
	var running []*process
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	addresses := make([]netip.AddrPort, len(subjects))
	for i, s := range subjects {
		p, address, err := s.start()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		running = append(running, p)
		addresses[i] = address
		if err := answers(ctx, address); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for round := range b.rounds + 1 { // the first one warms up
		for i, s := range subjects {
			if err := b.measure(ctx, s, running[i], addresses[i], round > 0); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	b.report.subjects = subjects
	return ctx.Err()
}

// measure asks one proxy for one round.
func (b *bench) measure(ctx context.Context, s *subject, p *process, to netip.AddrPort, counts bool) error {
	before, err := p.cpu()
	if err != nil {
		return err
	}
	duration := b.duration
	if !counts {
		duration = time.Second
	}
	got, err := (&load{to: to, request: b.request, connections: connections, duration: duration}).run(ctx)
	if err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if got.Errors > 0 || got.Requests == 0 {
		return fmt.Errorf("%d requests, %d errors: %s", got.Requests, got.Errors, got.FirstError)
	}
	if !counts {
		return nil
	}
	micros := float64((after - before).Microseconds()) / float64(got.Requests)
	s.cpu = append(s.cpu, micros)
	s.rate = append(s.rate, got.rate())
	s.p50 = append(s.p50, got.P50.Seconds()*1000)
	s.p99 = append(s.p99, got.P99.Seconds()*1000)
	s.rss, err = p.rss()
	b.say("%-20s %6.2f us/request  %7.0f requests/s  p50 %.2f ms  p99 %.2f ms", s.name, micros, got.rate(), got.P50.Seconds()*1000, got.P99.Seconds()*1000)
	return err
}
