//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// report is what the run has found.
type report struct {
	subjects     []*subject
	many         []many
	propagations []propagation
}

// summary is the last line.
type summary struct {
	NginxPlain float64 `json:"cpu_ratio_nginx_plain"`
	NginxFull  float64 `json:"cpu_ratio_nginx_full"`
	CaddyFull  float64 `json:"cpu_ratio_caddy_full"`
	// Propagation is from the acknowledged write, Request from its begin, and Config
	// from the Config: the highest p99 of all numbers of routes.
	Propagation float64 `json:"propagation_p99_ms"`
	Request     float64 `json:"propagation_request_p99_ms"`
	Config      float64 `json:"propagation_config_p99_ms"`
	Errors      int     `json:"live_change_errors"`
	RSS         float64 `json:"rss_mib_5000_routes"`
}

func (r *report) write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "proxy\tCPU us/request\tx nginx\tx caddy\trequests/s\tp50 ms\tp99 ms\tRSS MiB\t")
	for _, s := range r.subjects {
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.1f\t\n", s.name, median(s.cpu),
			r.ratio(s.name, "nginx"), r.ratio(s.name, "caddy"), median(s.rate), median(s.p50), median(s.p99), s.rss)
	}
	table.Flush()
	fmt.Fprintln(table, "routes\tfrom Config p50\tp99\tapplying\terrors\trequests\tseries\tRSS MiB\t")
	s := summary{NginxPlain: r.ratio(plain, "nginx"), NginxFull: r.ratio(full, "nginx"), CaddyFull: r.ratio(full, "caddy")}
	for _, m := range r.many {
		fmt.Fprintf(table, "%d\t%v\t%v\t%v\t%d\t%d\t%d\t%.1f\t\n", m.Routes, m.P50, m.P99, m.Apply, m.Errors, m.Requests, m.Series, m.RSS)
		s.Config = max(s.Config, round(m.P99.Seconds()*1000))
		s.Errors += m.Errors
		s.RSS = round(m.RSS)
	}
	table.Flush()
	fmt.Fprintln(table, "routes\tfrom write p50 ms\tp99 ms\tfrom request p50 ms\tp99 ms\terrors\trequests\t")
	for _, p := range r.propagations {
		fmt.Fprintf(table, "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t\n", p.Routes, p.P50, p.P99, p.RequestP50, p.RequestP99, p.Errors, p.Requests)
		s.Propagation, s.Request = max(s.Propagation, round(p.P99)), max(s.Request, round(p.RequestP99))
		s.Errors += p.Errors
	}
	table.Flush()
	return json.NewEncoder(out).Encode(s)
}

// ratio is the median of what one proxy takes of the CPU in units of what
// another took in the same round.
func (r *report) ratio(of, by string) float64 {
	var ratios []float64
	for i, cpu := range r.find(of).cpu {
		ratios = append(ratios, cpu/r.find(by).cpu[i])
	}
	return round(median(ratios))
}

func (r *report) find(name string) *subject {
	for _, s := range r.subjects {
		if s.name == name {
			return s
		}
	}
	return &subject{}
}

func round(number float64) float64 { return math.Round(number*100) / 100 }

// median of a few numbers.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
