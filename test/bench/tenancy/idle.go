package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// rest counts what Roadbed writes while nobody wants anything: what the API
// server's audit log has of Roadbed's identity, or what the server's own
// clients count, whichever is more. The log leaves out leases and events; the
// clients count every request, refused ones included.
func (b *bench) rest(ctx context.Context, p *platform) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	log := filepath.Join(p.dir, "plane", "logs", "audit.log")
	since, err := os.Open(log)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { _ = since.Close() }()
	if _, err := since.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("find the end of the audit log: %w", err)
	}
	before, err := p.requests(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	after, err := p.requests(ctx)
	if err != nil {
		return err
	}
	logged, err := countSince(since, log)
	if err != nil {
		return err
	}
	return b.reportIdle(p, after-before, logged)
}

func (b *bench) reportIdle(p *platform, sent, logged int) error {
	memory, err := p.server.Memory()
	if err != nil {
		return err
	}
	b.report.summary.IdleWrites = round(float64(max(sent, logged)) / b.idle.Seconds())
	b.report.add("idle writes to the API server", "<= 1/s", "%d sent, %d in the audit log, in %s", sent, logged, b.idle)
	b.report.add("server memory, idle", "", "%.0f MiB resident", float64(memory.Resident)/(1<<20))
	return nil
}

// requests is how many writes the server's clients have sent so far.
func (p *platform) requests(ctx context.Context) (int, error) {
	body, err := get(ctx, "http://"+p.addresses.Metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	var sent float64
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		sent += sum(string(body), "rest_client_requests_total", `method="`+method+`"`)
	}
	return int(sent), nil
}

// countSince counts Roadbed's writes in the rest of an open audit log and, when
// the log was rotated meanwhile, in the one that took its place.
func countSince(open *os.File, path string) (int, error) {
	count, err := countWrites(open, identity.Roadbed)
	if err != nil {
		return 0, err
	}
	old, errOld := open.Stat()
	current, errCurrent := os.Stat(path)
	if err := errors.Join(errOld, errCurrent); err != nil {
		return 0, fmt.Errorf("compare audit logs: %w", err)
	}
	if os.SameFile(old, current) {
		return count, nil
	}
	next, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { _ = next.Close() }()
	more, err := countWrites(next, identity.Roadbed)
	return count + more, err
}

// countWrites counts the finished writes of a user in an audit log. A last
// line that is still being written does not count.
func countWrites(log io.Reader, user string) (int, error) {
	reading := []string{"get", "list", "watch"}
	count := 0
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read the audit log: %w", err)
		}
		var event struct {
			Stage, Verb string
			User        struct{ Username string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return 0, fmt.Errorf("understand the audit log: %w", err)
		}
		if event.Stage == "ResponseComplete" && event.User.Username == user && !slices.Contains(reading, event.Verb) {
			count++
		}
	}
}
