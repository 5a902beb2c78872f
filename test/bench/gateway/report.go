//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// report is what the run has found.
type report struct {
	subjects []*subject
}

// summary is the last line.
type summary struct {
	NginxPlain float64 `json:"cpu_ratio_nginx_plain"`
}

func (r *report) write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "proxy\tCPU us/request\trequests/s\tp50 ms\tp99 ms\tRSS MiB\t")
	for _, s := range r.subjects {
		fmt.Fprintf(table, "%s\t%.2f\t%.0f\t%.2f\t%.2f\t%.1f\t\n", s.name, median(s.cpu), median(s.rate), median(s.p50), median(s.p99), s.rss)
	}
	table.Flush()
	return json.NewEncoder(out).Encode(summary{})
}

// median of a few numbers.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
