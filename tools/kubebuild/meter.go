package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often the progress line is written: often enough to look alive on a
// terminal, seldom enough not to flood a log.
const (
	terminalInterval = time.Second
	logInterval      = 30 * time.Second
)

// meter writes one line of progress. It owns a goroutine that ends with stop.
type meter struct {
	out      io.Writer
	terminal bool
	name     string
	started  time.Time
	quit     chan struct{}
	ended    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	phase   string
	waiting map[string]bool // packages still to be compiled
	total   int
	modules int
}

// newMeter starts a meter that writes to out.
func newMeter(out io.Writer, terminal bool, name string) *meter {
	m := &meter{out: out, terminal: terminal, name: name, started: time.Now(), quit: make(chan struct{})}
	interval := logInterval
	if terminal {
		interval = terminalInterval
	}
	m.ended.Go(func() { m.repeat(interval) })
	return m
}

func (m *meter) repeat(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-ticker.C:
			m.write()
		}
	}
}

// stop ends the meter and the terminal line it wrote.
func (m *meter) stop() {
	close(m.quit)
	m.ended.Wait()
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// say names what happens now.
func (m *meter) say(phase string) {
	m.mu.Lock()
	m.phase = phase
	m.mu.Unlock()
	m.write()
}

// fetched counts a module that is being downloaded. It returns false for a
// line that says something else.
func (m *meter) fetched(line string) bool {
	if !isDownload(line) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.modules++
	m.phase = fmt.Sprintf("fetching modules, %d so far", m.modules)
	return true
}

// expect announces the packages that will be compiled.
func (m *meter) expect(packages []string) {
	m.mu.Lock()
	m.waiting = make(map[string]bool, len(packages))
	for _, p := range packages {
		m.waiting[p] = true
	}
	m.total = len(m.waiting)
	m.phase = ""
	m.mu.Unlock()
	m.write()
}

// compiled counts a package that is done. It returns false for a line that is
// no package's name.
func (m *meter) compiled(line string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.waiting[line] {
		return isDownload(line)
	}
	delete(m.waiting, line)
	return true
}

// isDownload tells whether a line only reports a download.
func isDownload(line string) bool { return strings.HasPrefix(line, "go: downloading ") }

func (m *meter) write() {
	line := m.line(time.Since(m.started))
	if m.terminal {
		fmt.Fprintf(m.out, "\r%s\x1b[K", line)
		return
	}
	fmt.Fprintln(m.out, line)
}

// line says how far the build is after the given time.
func (m *meter) line(elapsed time.Duration) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := m.phase
	if text == "" {
		text = fmt.Sprintf("%d of %d packages compiled", m.total-len(m.waiting), m.total)
	}
	return fmt.Sprintf("building %s: %s, %s", m.name, text, elapsed.Round(time.Second))
}
