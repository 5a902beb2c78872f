//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// propagation is what a change of a route takes that is written to the API server, in
// milliseconds: from the API server's answer to the write, and from the begin of the
// request. It is what command propagation says.
type propagation struct {
	Routes     int     `json:"routes"`
	P50        float64 `json:"propagation_p50_ms"`
	P99        float64 `json:"propagation_p99_ms"`
	RequestP50 float64 `json:"propagation_request_p50_ms"`
	RequestP99 float64 `json:"propagation_request_p99_ms"`
	Errors     int     `json:"live_change_errors"`
	Requests   int     `json:"requests"`
}

// propagate has command propagation measure, on all cores: a control plane, a gateway
// that follows it, and clients.
func (b *bench) propagate() error {
	p, err := startOn(allCores, os.Stderr, b.propagation, "-kube", b.kube, "-routes", "3000,5000")
	if err != nil {
		return err
	}
	defer p.stop()
	for range 2 {
		line, err := p.line()
		if err != nil {
			return err
		}
		var found propagation
		if err := json.Unmarshal([]byte(line), &found); err != nil {
			return fmt.Errorf("read %q: %w", line, err)
		}
		b.report.propagations = append(b.report.propagations, found)
	}
	return nil
}
