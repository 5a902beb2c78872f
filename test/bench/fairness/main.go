// Command fairness measures what tenants see of each other at a backend that one of
// them overloads: real clients, the gateway's sockets and whole chain, and a backend
// with so many workers, all over loopback.
//
// Twenty tenants call with half of their share of what the backend can do; each has
// first been alone. Then one more calls with twenty times its share. It prints what
// each phase was like and, as its last line, one JSON object.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// What the backend can do: workers requests at a time, each in service, give or take
// half of it.
const (
	workers = 20
	service = 100 * time.Millisecond
	quiet   = 20 // tenants that keep to their share
)

// warmUp is not counted: the gateway finds out what the backend bears.
const warmUp = 5 * time.Second

func main() {
	duration := flag.Duration("duration", 20*time.Second, "how long each phase is")
	flag.Parse()
	if err := run(*duration); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// summary is the last line.
type summary struct {
	Success float64 `json:"others_success"`
	Ratio   float64 `json:"others_p99_ratio"`
	Solo    float64 `json:"solo_p99_ms"`
	P99     float64 `json:"others_p99_ms"`
	Loud    float64 `json:"loud_answers_per_s"`
}

func run(duration time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	share := workers / service.Seconds() / (quiet + 1)
	alone := map[string]float64{name(0): share / 2}
	crowd := map[string]float64{loud: 20 * share}
	for i := range quiet {
		crowd[name(i)] = share / 2
	}
	var s summary
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "phase\ttenants\tcalls\tanswers\trefused\tfailed\tp50 ms\tp99 ms\t")
	solo, err := phase(ctx, table, "alone", alone, duration)
	if err != nil {
		return err
	}
	fair, err := phase(ctx, table, "one at 20 times its share", crowd, duration)
	if err != nil {
		return err
	}
	_ = table.Flush() // it goes where the last line goes
	s.Solo = milliseconds(solo.others().percentile(0.99))
	s.Success, s.P99 = 1, milliseconds(fair.others().percentile(0.99))
	for i := range quiet { // the tenant that fares worst counts
		one := fair[name(i)]
		s.Success = min(s.Success, float64(len(one.took))/float64(one.calls))
	}
	s.Ratio, s.Loud = s.P99/s.Solo, float64(len(fair[loud].took))/duration.Seconds()
	return json.NewEncoder(os.Stdout).Encode(s)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// phase has tenants call with their rates for a while, through a gateway of its own.
func phase(ctx context.Context, table *tabwriter.Writer, title string, rates map[string]float64, duration time.Duration) (outcomes, error) {
	behind := newBackend()
	defer behind.Close()
	g, err := newGateway(behind.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	defer g.close()
	seen := call(ctx, g.address, rates, duration)
	report(table, title, "the quiet", seen.others())
	if one := seen[loud]; one != nil {
		report(table, title, loud, one)
	}
	return seen, ctx.Err()
}

func report(table *tabwriter.Writer, title, who string, o *outcome) {
	fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t\n", title, who, o.calls, len(o.took), o.refused, o.failed,
		milliseconds(o.percentile(0.5)), milliseconds(o.percentile(0.99)))
}

// outcome is what a tenant has seen.
type outcome struct {
	calls, refused, failed int
	took                   []time.Duration // of answers
}

func (o *outcome) percentile(share float64) time.Duration {
	if len(o.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.took))
	return sorted[min(int(float64(len(sorted))*share), len(sorted)-1)]
}

// outcomes are those of a phase by tenant.
type outcomes map[string]*outcome

// others is what all but the loud one have seen.
func (all outcomes) others() *outcome {
	sum := &outcome{}
	for who, one := range all {
		if who == loud {
			continue
		}
		sum.calls, sum.refused, sum.failed = sum.calls+one.calls, sum.refused+one.refused, sum.failed+one.failed
		sum.took = append(sum.took, one.took...)
	}
	return sum
}
