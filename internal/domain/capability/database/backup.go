package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// periods are how often a claim may want a backup.
var periods = map[string]time.Duration{
	"": 0, "Never": 0, "Hourly": time.Hour, "Daily": 24 * time.Hour, "Weekly": 7 * 24 * time.Hour,
}

// Schedule is how often a database is dumped and how many dumps are kept.
type Schedule struct {
	// Every is the pause between dumps, 0 for none.
	Every time.Duration
	Keep  int
}

// How backups are named and looked for.
const (
	stamp      = "20060102T150405Z"
	suffix     = ".dump"
	finalName  = "final" + suffix
	lookEvery  = time.Minute
	retryAfter = 10 * time.Minute
	// silence is how long nothing may come of a dump. Others wait for their turn,
	// and a server that is gone without a word would make them wait for ever.
	silence = 30 * time.Minute
)

// errSilent ends a dump of which nothing more comes.
var errSilent = fmt.Errorf("the server has sent nothing for %v", silence)

// target is a database that is backed up.
type target struct {
	namespace, claim string
	names            Names
}

func (t target) folder() string { return folder(t.namespace, t.claim, t.names) }

// job is a target with its schedule.
type job struct {
	target
	schedule Schedule
	notUntil time.Time // of the next attempt
}

// Backups dumps databases into a store, one after the other. Run owns the work.
type Backups struct {
	dumper Dumper
	store  Store
	clock  clock.WithTicker
	log    *slog.Logger

	asked chan struct{} // holds a token when a last backup was asked for

	mu     sync.Mutex
	jobs   map[string]*job   // by database; guarded by mu
	finals map[string]target // guarded by mu
	failed map[string]error  // of last backups, guarded by mu
}

// NewBackups returns what dumps databases into the store.
func NewBackups(dumper Dumper, store Store, clk clock.WithTicker, log *slog.Logger) *Backups {
	return &Backups{
		dumper: dumper, store: store, clock: clk, log: log, asked: make(chan struct{}, 1),
		jobs: map[string]*job{}, finals: map[string]target{}, failed: map[string]error{},
	}
}

// Keep has a database dumped by the schedule from now on.
func (b *Backups) Keep(of target, schedule Schedule) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if schedule.Every == 0 {
		delete(b.jobs, of.names.Database)
		return
	}
	if known := b.jobs[of.names.Database]; known == nil || known.schedule != schedule {
		b.jobs[of.names.Database] = &job{target: of, schedule: schedule}
	}
}

// Forget ends the schedule of a database.
func (b *Backups) Forget(n Names) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.jobs, n.Database)
}

// Final says whether the last backup of a database is in the store, and has it
// made when it is not. Its error is why the last attempt failed.
func (b *Backups) Final(ctx context.Context, of target) (safe bool, err error) {
	names, err := b.store.List(ctx, of.folder()+finalName)
	if err != nil {
		return false, fmt.Errorf("look for the last backup: %w", err)
	}
	if len(names) > 0 {
		return true, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	err = b.failed[of.names.Database]
	delete(b.failed, of.names.Database)
	b.finals[of.names.Database] = of
	select {
	case b.asked <- struct{}{}:
	default:
	}
	return false, err
}

// Run makes backups until ctx ends.
func (b *Backups) Run(ctx context.Context) error {
	tick := b.clock.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		b.finish(ctx)
		b.due(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-b.asked:
		case <-tick.C():
		}
	}
}

// finish makes the last backups that were asked for.
func (b *Backups) finish(ctx context.Context) {
	b.mu.Lock()
	finals := maps.Clone(b.finals)
	b.mu.Unlock()
	for name, of := range finals {
		err := b.dump(ctx, of, finalName)
		b.mu.Lock()
		delete(b.finals, name)
		if err != nil {
			b.failed[name] = err
		}
		b.mu.Unlock()
	}
}

// due makes the backups whose time has come.
func (b *Backups) due(ctx context.Context) {
	b.mu.Lock()
	names := slices.Sorted(maps.Keys(b.jobs))
	b.mu.Unlock()
	for _, name := range names {
		b.mu.Lock()
		of := b.jobs[name]
		b.mu.Unlock()
		if of == nil || b.clock.Now().Before(of.notUntil) || ctx.Err() != nil {
			continue
		}
		pause, err := b.once(ctx, of)
		if err != nil {
			b.log.Error("a backup failed", "database", name, "namespace", of.namespace, "name", of.claim, "error", err)
			pause = retryAfter
		}
		of.notUntil = b.clock.Now().Add(pause) // read by this goroutine only
	}
}

// once makes a backup when the last one is old enough, deletes those beyond what
// is kept, and says how long there is nothing to do.
func (b *Backups) once(ctx context.Context, of *job) (time.Duration, error) {
	names, err := b.store.List(ctx, of.folder())
	if err != nil {
		return 0, fmt.Errorf("list backups: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, finalName) })
	now := b.clock.Now()
	if age := now.Sub(lastOf(names)); age < of.schedule.Every {
		return of.schedule.Every - age, nil
	}
	made := now.UTC().Format(stamp) + suffix
	if err := b.dump(ctx, of.target, made); err != nil {
		return 0, err
	}
	names = append(names, of.folder()+made)
	for _, old := range names[:max(0, len(names)-max(1, of.schedule.Keep))] {
		if err := b.store.Delete(ctx, old); err != nil {
			return 0, fmt.Errorf("delete an old backup: %w", err)
		}
	}
	return of.schedule.Every, nil
}

// lastOf is when the last of the sorted backups was made.
func lastOf(names []string) time.Time {
	if len(names) == 0 {
		return time.Time{}
	}
	last := names[len(names)-1]
	at, err := time.Parse(stamp+suffix, last[strings.LastIndexByte(last, '/')+1:])
	if err != nil {
		return time.Time{}
	}
	return at
}

func (b *Backups) dump(ctx context.Context, of target, name string) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	heard := make(chan struct{}, 1)
	go b.listen(ctx, heard, end)
	err := b.store.Put(ctx, of.folder()+name, func(to io.Writer) error {
		return b.dumper.Dump(ctx, of.names.Database, of.names.Database, audible{to, heard})
	})
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSilent) {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("back up database %q: %w", of.names.Database, err)
	}
	b.log.Info("a backup was made", "database", of.names.Database, "namespace", of.namespace, "name", of.claim)
	return nil
}

// listen ends a dump of which nothing is heard for too long. It ends with it.
func (b *Backups) listen(ctx context.Context, heard <-chan struct{}, end context.CancelCauseFunc) {
	for {
		timer := b.clock.NewTimer(silence)
		select {
		case <-timer.C():
			end(errSilent)
			return
		case <-ctx.Done():
			timer.Stop()
			return
		case <-heard:
			timer.Stop()
		}
	}
}

// audible is a writer that says when something was written.
type audible struct {
	io.Writer

	heard chan<- struct{}
}

// Write writes.
func (a audible) Write(p []byte) (int, error) {
	select {
	case a.heard <- struct{}{}:
	default: // It is heard already.
	}
	return a.Writer.Write(p)
}
