package standalone

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// logLimit bounds a component's log file. One full file is kept beside it, with
// the suffix .1.
const logLimit = 16 << 20

// logFile is a file that begins anew when it is full. Write is safe for
// concurrent use.
type logFile struct {
	path  string
	limit int64

	mu   sync.Mutex // guards the rest
	file *os.File
	size int64
}

// OpenLog opens a bounded log file for the process that runs a plane, in the
// place where the components' are: its name is that of the component. The
// caller closes it.
func OpenLog(dataDir, name string) (io.WriteCloser, error) {
	l := layout(dataDir)
	if err := l.prepare(); err != nil {
		return nil, err
	}
	return openLog(l.log(name), logLimit)
}

// openLog opens a log; what an earlier run left moves to the suffix .1.
func openLog(path string, limit int64) (*logFile, error) {
	l := &logFile{path: path, limit: limit}
	return l, l.turn()
}

// Write appends a chunk, in one file.
func (l *logFile) Write(chunk []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(chunk)) > l.limit {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(chunk)
	l.size += int64(n)
	return n, err
}

// turn moves the file aside and begins a new one.
func (l *logFile) turn() error {
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return fmt.Errorf("close log: %w", err)
		}
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("move full log aside: %w", err)
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, privateFile)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	l.file, l.size = file, 0
	return nil
}

// Close closes the file; nothing may be written afterwards.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// tail returns up to n whole lines at the end of a file, or what it can.
func tail(path string, n int) string {
	const window = 16 << 10
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // nothing was written
	if info, err := file.Stat(); err == nil && info.Size() > window {
		if _, err := file.Seek(-window, io.SeekEnd); err != nil {
			return ""
		}
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
