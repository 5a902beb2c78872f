package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// figure is one line of the table.
type figure struct {
	name, value, goal string
}

// summary is the last line of the output. Every run prints every key.
type summary struct {
	// Ratio is how much longer Roadbed takes than a bare client that writes all the same objects.
	Ratio float64 `json:"ratio"`
	// RatioPlain is how much longer Roadbed takes than a bare client that writes the
	// generated objects alone, on a plain control plane.
	RatioPlain float64 `json:"ratio_plain"`
	// TenantP95 is from request to enforced, in milliseconds.
	TenantP95 float64 `json:"tenant_p95_ms"`
	// DriftP99 is from tampering to restored, in milliseconds.
	DriftP99 float64 `json:"drift_p99_ms"`
	// Restart is from start to synced, in seconds.
	Restart float64 `json:"restart_s"`
	// IdleWrites are Roadbed's writes to the API server per second.
	IdleWrites float64 `json:"idle_writes_per_s"`
	// RSS is the server's resident memory with all tenants, in MiB.
	RSS float64 `json:"rss_mib"`
}

// report collects what the phases measured.
type report struct {
	figures []figure
	summary summary
}

func (r *report) add(name, goal, format string, values ...any) {
	r.figures = append(r.figures, figure{name: name, goal: goal, value: fmt.Sprintf(format, values...)})
}

// write prints the table and, as the last line, the summary.
func (r *report) write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "MEASURED\tVALUE\tGOAL")
	for _, f := range r.figures {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.name, f.value, f.goal)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	line, err := json.Marshal(r.summary)
	if err != nil {
		return fmt.Errorf("encode the summary: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}

// progress prints at most one line a second about something that grows.
func progress(out io.Writer, what string, total int) func(done int) {
	var last time.Time
	shown := -1
	return func(done int) {
		now := time.Now()
		if done == shown || done < total && now.Sub(last) < time.Second {
			return
		}
		last, shown = now, done
		fmt.Fprintf(out, "  %s: %d of %d\n", what, done, total)
	}
}
