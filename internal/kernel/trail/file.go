package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/utils/clock"
)

// MaxRecord bounds a record as JSON, in bytes: what a transparency log takes
// as one entry.
const MaxRecord = 65535

var (
	// ErrClosed is returned by Record after Close.
	ErrClosed = errors.New("the trail is closed")
	// ErrTooLarge is returned by Record for what no trail can take, however often it
	// is tried.
	ErrTooLarge = fmt.Errorf("more than the %d bytes of a record", MaxRecord)
)

// File keeps records in a local file: one JSON object a line, appended, never
// rewritten, readable by its owner only. It belongs to one process at a time.
//
// One goroutine, which ends with Close, owns the file. While it waits for the
// disk, records gather; they are then written together and made durable by one
// fsync, so that many writers are not slower than one.
type File struct {
	clock   clock.PassiveClock
	log     *slog.Logger
	queue   chan entry
	closing chan struct{}
	close   func() error

	// The owner's alone.
	file   *os.File
	size   int64 // of what is durable
	broken error // why nothing can be promised any more
}

var _ Recorder = (*File)(nil)

// entry is a line on its way to the disk and where its fate is told. The
// channel has room for one, so that the owner never waits for the caller.
type entry struct {
	line []byte
	fate chan error
}

// OpenFile opens the trail at path or begins one. What a crash left of a last,
// unfinished line was never promised to anybody: it is cut off, kept in
// path+".torn", and warned of. A trail that another process has open is refused.
func OpenFile(path string, c clock.PassiveClock, log *slog.Logger) (*File, error) {
	file, size, err := openWhole(path, log)
	if err != nil {
		return nil, fmt.Errorf("open trail %q: %w", path, err)
	}
	f := &File{
		clock: c, log: log, file: file, size: size,
		queue: make(chan entry), closing: make(chan struct{}),
	}
	ended := make(chan struct{})
	f.close = sync.OnceValue(func() error {
		close(f.closing)
		<-ended
		return file.Close()
	})
	go func() {
		defer close(ended)
		f.own()
	}()
	return f, nil
}

// Record keeps the record, as Recorder says. When ctx ends before the disk has
// answered, Record returns an error although the record may still be kept.
func (f *File) Record(ctx context.Context, record Record) error {
	if record.Time.IsZero() {
		record.Time = f.clock.Now()
	}
	record.Time = record.Time.UTC()
	line, err := lineOf(record)
	if err != nil {
		return fmt.Errorf("record %s: %w", record.Action, err)
	}
	if err := f.commit(ctx, append(line, '\n')); err != nil {
		return fmt.Errorf("record %s: %w", record.Action, err)
	}
	f.log.InfoContext(ctx, "privileged action", "action", record.Action, "actor", record.Actor.Name,
		"kind", record.Object.Kind, "namespace", record.Object.Namespace, "name", record.Object.Name,
		"reason", record.Reason)
	return nil
}

// lineOf is a record as a line without its end. Of an actor who is in so many
// groups that they fill a record it tells how many there are: what he did is
// recorded all the same.
func lineOf(record Record) ([]byte, error) {
	line, err := json.Marshal(record)
	if groups := len(record.Actor.Groups); err == nil && len(line) > MaxRecord && groups > 0 {
		record.Actor.Groups = []string{fmt.Sprintf("(%d groups, too many for a record)", groups)}
		line, err = json.Marshal(record)
	}
	if err == nil && len(line) > MaxRecord {
		err = fmt.Errorf("%d bytes are %w", len(line), ErrTooLarge)
	}
	return line, err
}

// commit hands a line to the owner and waits for its fate.
func (f *File) commit(ctx context.Context, line []byte) error {
	e := entry{line: line, fate: make(chan error, 1)}
	select {
	case f.queue <- e:
	case <-f.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-e.fate:
		return err
	case <-ctx.Done():
		return fmt.Errorf("given up while the disk was busy, it may have been kept: %w", ctx.Err())
	}
}

// Close ends the trail after the records that were accepted are durable.
func (f *File) Close() error { return f.close() }

// own serves the queue until Close. It answers every entry that it takes.
func (f *File) own() {
	for {
		select {
		case first := <-f.queue:
			f.serve(f.gather(first))
		case <-f.closing:
			return
		}
	}
}

// gather adds to the first entry all others that wait at this moment.
func (f *File) gather(first entry) []entry {
	batch := []entry{first}
	for {
		select {
		case next := <-f.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
}

// serve makes a batch durable, or none of it.
func (f *File) serve(batch []entry) {
	var lines []byte
	for _, e := range batch {
		lines = append(lines, e.line...)
	}
	err := f.persist(lines)
	for _, e := range batch {
		e.fate <- err
	}
}

// persist appends and syncs. A write that fails, say on a full disk, is undone
// and may be tried again; after a sync that fails nobody knows what is on the
// disk, so the file takes nothing more.
func (f *File) persist(lines []byte) error {
	if f.broken != nil {
		return f.broken
	}
	if _, err := f.file.Write(lines); err != nil {
		if undo := f.file.Truncate(f.size); undo != nil {
			f.broken = fmt.Errorf("cannot undo an unfinished write, restart to repair: %w", undo)
		}
		return err
	}
	if err := f.file.Sync(); err != nil {
		f.broken = fmt.Errorf("the disk failed earlier, restart to go on: %w", err)
		return err
	}
	f.size += int64(len(lines))
	return nil
}

// openWhole opens the file so that it ends with a whole line, and returns its size.
func openWhole(path string, log *slog.Logger) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	size, err := prepare(file, log)
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

func prepare(file *os.File, log *slog.Logger) (int64, error) {
	if err := lock(file); err != nil {
		return 0, fmt.Errorf("another process has it open: %w", err)
	}
	if err := file.Chmod(0o600); err != nil {
		return 0, err
	}
	size, err := cutTorn(file, log)
	if err != nil {
		return 0, fmt.Errorf("cut off an unfinished last line: %w", err)
	}
	return size, syncDir(filepath.Dir(file.Name()))
}

// syncDir makes the file's name durable too.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
