package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one line of the table.
type figure struct {
	name, value, goal string
}

// summary is the last line of the output. Every run prints every key.
type summary struct {
	// NativeAddedP50 is what 16 native policies add to the median request of one
	// writer, in milliseconds.
	NativeAddedP50 float64 `json:"native_added_p50_ms"`
	// NativeP99 is the slowest hundredth of 50 writers' requests, in milliseconds.
	NativeP99 float64 `json:"native_p99_ms_c50"`
	// DefaultsP99 is the same with the whole catalogue, in a tenant's namespace.
	DefaultsP99 float64 `json:"defaults_p99_ms_c50"`
	// FillingP99 is the same where a policy adds the limits that are missing.
	FillingP99 float64 `json:"defaults_adding_limits_p99_ms_c50"`
	// WebhookAddedP50 is what the same policies add behind a webhook.
	WebhookAddedP50 float64 `json:"webhook_added_p50_ms"`
	// RSS is the resident memory of a process with 500 policies, in MiB.
	RSS float64 `json:"rss_mib_500"`
	// Impact is a forecast over 10,000 objects, in seconds.
	Impact float64 `json:"impact_s"`
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

// percentile is the smallest of the durations that at least p per cent of them
// do not exceed; 0 of none.
func percentile(durations []time.Duration, p float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// round keeps a figure readable: three digits after the point.
func round(value float64) float64 { return math.Round(value*1000) / 1000 }

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// residentMiB is this process's resident memory.
func residentMiB() (float64, error) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	defer func() { _ = file.Close() }() // it is only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("read resident memory: /proc/self/status has no VmRSS")
}
