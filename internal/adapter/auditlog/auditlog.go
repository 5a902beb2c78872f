// Package auditlog reads the audit log that an API server writes into files, as
// far as those files are ours: each event once, through rotation and through
// restarts of the reader.
//
// A reader is for one goroutine. What it hands out counts as read only when the
// caller commits it, so that an event may be handed out twice after a crash and
// is never lost, unless the API server deletes a file before it was read.
package auditlog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// pause is how long the reader waits for new events.
const pause = time.Second

// batch is how much is read at once, in bytes; one event may be longer.
const batch = 1 << 20

// Reader reads an audit log.
type Reader struct {
	path, bookmark string
	clock          clock.WithTicker
	at             position
	resumed        bool
}

// position is how far the log was read.
type position struct {
	// File is the fingerprint of the file, which its renaming does not change.
	File string `json:"file"`
	// Offset is the first byte of it that was not read.
	Offset int64 `json:"offset"`
}

// New returns a reader of the log at the path. The bookmark is a file of the
// reader's own, in which it remembers how far it came; without one it begins
// with the oldest file there is. Neither is touched before the first Next.
func New(path, bookmark string, c clock.WithTicker) *Reader {
	return &Reader{path: path, bookmark: bookmark, clock: c}
}

// resume takes the position from the bookmark, once.
func (r *Reader) resume() error {
	if r.resumed {
		return nil
	}
	content, err := os.ReadFile(r.bookmark)
	if err == nil {
		err = json.Unmarshal(content, &r.at)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the bookmark of the audit log %s: %w: delete the file to begin anew", r.bookmark, err)
	}
	r.resumed = true
	return nil
}

// Next waits for events and returns some, one a line, in the order in which they
// were written. The caller calls commit when it has done with them; until then
// Next returns the same again. It ends with the context's error.
func (r *Reader) Next(ctx context.Context) (lines [][]byte, commit func() error, err error) {
	if err := r.resume(); err != nil {
		return nil, nil, err
	}
	for {
		next, lines, err := r.read()
		if err != nil {
			return nil, nil, err
		}
		if len(lines) > 0 {
			return lines, func() error { return r.commit(next) }, nil
		}
		r.at = next
		if err := r.wait(ctx); err != nil {
			return nil, nil, err
		}
	}
}

func (r *Reader) wait(ctx context.Context) error {
	timer := r.clock.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit remembers the position, in a way that a crash leaves the old or the new.
func (r *Reader) commit(next position) error {
	content, err := json.Marshal(next)
	if err != nil {
		return err
	}
	fresh := r.bookmark + ".new"
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return fmt.Errorf("write the bookmark of the audit log: %w", err)
	}
	if err := os.Rename(fresh, r.bookmark); err != nil {
		return fmt.Errorf("write the bookmark of the audit log: %w", err)
	}
	r.at = next
	return nil
}

// read reads on from the position, and goes on to the next file where one has
// been read to its end.
func (r *Reader) read() (position, [][]byte, error) {
	files, err := r.files()
	if err != nil {
		return position{}, nil, err
	}
	at := r.at
	i := slices.IndexFunc(files, func(f file) bool { return f.mark == at.File })
	if i < 0 { // Never begun, or deleted before it was read.
		i, at = 0, position{}
	}
	for ; i < len(files); i++ {
		if at.File != files[i].mark {
			at = position{File: files[i].mark}
		}
		lines, err := files[i].lines(&at.Offset)
		if err != nil || len(lines) > 0 {
			return at, lines, err
		}
	}
	return at, nil, nil
}

// file is one file of the log. Its mark is the hash of its first event, which
// has an identifier of its own.
type file struct{ name, mark string }

// files are the files of the log, the oldest first: the API server puts the time
// into the name of one that is full.
func (r *Reader) files() ([]file, error) {
	extension := filepath.Ext(r.path)
	full, err := filepath.Glob(strings.TrimSuffix(r.path, extension) + "-*" + extension)
	if err != nil {
		return nil, fmt.Errorf("find the files of the audit log: %w", err)
	}
	slices.Sort(full)
	var found []file
	for _, name := range append(full, r.path) {
		mark, err := fingerprint(name)
		if err != nil {
			return nil, err
		}
		if mark != "" {
			found = append(found, file{name, mark})
		}
	}
	return found, nil
}

// fingerprint is "" for a file that is not there, or has no whole event yet.
func fingerprint(name string) (string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	first, err := bufio.NewReader(f).ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the audit log: %w", err)
	}
	sum := sha256.Sum256(first)
	return hex.EncodeToString(sum[:]), nil
}

// lines reads whole events from the offset on, and moves it.
func (f file) lines(offset *int64) ([][]byte, error) {
	opened, err := os.Open(f.name)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer func() { _ = opened.Close() }()
	if _, err := opened.Seek(*offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	reader := bufio.NewReader(opened)
	var lines [][]byte
	for size := 0; size < batch; {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		size += len(line)
		*offset += int64(len(line))
		lines = append(lines, bytes.TrimSpace(line))
	}
	return lines, nil
}
