package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
)

// redraw is how often a spinner turns.
const redraw = 100 * time.Millisecond

// upThere starts this program again as a process of its own session and shows
// its progress until it is ready. When ctx ends before, it is stopped again.
func (p *program) upThere(ctx context.Context, dir string, f upFlags) error {
	daemon, steps, err := p.spawn(dir, f)
	if err != nil {
		return err
	}
	screen := newStartScreen(p)
	defer screen.end()
	err = p.follow(ctx, screen, steps)
	if err == nil {
		return daemon.Process.Release()
	}
	if ctx.Err() != nil {
		screen.end()
		fmt.Fprintln(p.Err, "stopping; the next \"roadbed up\" goes on from here")
	}
	// One that ended by itself is gone already.
	_ = daemon.Process.Signal(syscall.SIGTERM)
	exit := cmp.Or(daemon.Wait(), errors.New("exit status 0"))
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the platform ended before it was ready: %w; see %s", exit, filepath.Join(dir, "logs"))
	}
	return err
}

// spawn starts the daemon. Its steps come as lines from the returned reader.
func (p *program) spawn(dir string, f upFlags) (*exec.Cmd, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = write.Close() }() // the daemon has its own
	last, err := lastWords(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = last.Close() }() // the daemon has its own
	daemon := exec.Command(self)
	daemon.Args = []string{
		p.Name, "up", "--foreground", "--progress-fd", "3", "--data-dir", dir,
		"--nodes", strconv.Itoa(f.nodes), "--ephemeral=" + strconv.FormatBool(f.ephemeral), "--audit-bodies=" + strconv.FormatBool(f.auditBodies),
		"--reports-api=" + strconv.FormatBool(f.reportsAPI),
		"--image-trusted-root=" + f.imageRoot, "--feature-gates=" + strings.Join(f.gates, ","),
	}
	daemon.ExtraFiles = []*os.File{write}
	daemon.Stdout, daemon.Stderr = last, last
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the platform: %w", err)
	}
	return daemon, read, nil
}

// lastWords is the file for what the daemon says outside its log: a panic.
func lastWords(dir string) (*os.File, error) {
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(logs, "roadbed.stderr.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

// follow shows steps until the platform is ready. It returns io.EOF when the
// steps end before.
func (p *program) follow(ctx context.Context, screen *startScreen, steps io.Reader) error {
	ticker := p.Clock.NewTicker(redraw)
	defer ticker.Stop()
	lines := readSteps(ctx, steps)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
			screen.turn()
		case step, more := <-lines:
			if !more {
				return io.EOF
			}
			if step.Phase == embedded.PhaseFailed {
				return errors.New(step.Error)
			}
			screen.step(step)
			if step.Phase == embedded.PhaseReady {
				return nil
			}
		}
	}
}

// readSteps reads lines until they end. Its goroutine ends with them, or with
// ctx once the next line is there.
func readSteps(ctx context.Context, r io.Reader) <-chan embedded.Progress {
	steps := make(chan embedded.Progress)
	go func() {
		defer close(steps)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var step embedded.Progress
			if json.Unmarshal(lines.Bytes(), &step) != nil {
				return
			}
			select {
			case steps <- step:
			case <-ctx.Done():
				return
			}
		}
	}()
	return steps
}

// startScreen shows how far the platform is: a line for each step and, on a
// terminal, a spinner below them.
type startScreen struct {
	p       *program
	began   time.Time
	turns   int
	spinner bool // a spinner is on the screen
}

func newStartScreen(p *program) *startScreen {
	fmt.Fprintln(p.Err, "Starting a Kubernetes "+kubernetesVersion+" with the platform on it.")
	return &startScreen{p: p, began: p.Clock.Now()}
}

func (s *startScreen) seconds() string {
	return fmt.Sprintf("%4.1fs", s.p.Clock.Since(s.began).Seconds())
}

func (s *startScreen) step(step embedded.Progress) {
	s.end()
	fmt.Fprintf(s.p.Err, "  %s  %s\n", s.seconds(), step.Message)
}

// turn turns the spinner.
func (s *startScreen) turn() {
	if !s.p.Live {
		return
	}
	const wheel = `|/-\`
	s.turns++
	s.spinner = true
	fmt.Fprintf(s.p.Err, "\r\x1b[K%c %s", wheel[s.turns%len(wheel)], s.seconds())
}

// end takes the spinner away.
func (s *startScreen) end() {
	if s.spinner {
		s.spinner = false
		fmt.Fprint(s.p.Err, "\r\x1b[K")
	}
}
