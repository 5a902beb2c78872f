package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// State is how the platform of a data directory is.
type State struct {
	// Running says that its process, or a child of it, lives.
	Running bool `json:"running"`
	// Ready says that all of it works, right now.
	Ready bool `json:"ready"`
	// Reason is why it is not ready; empty when it is.
	Reason string `json:"reason,omitempty"`
	// Plane is its control plane.
	Plane standalone.Status `json:"controlPlane"`
	// Server is its server.
	Server Report `json:"server"`

	silent bool // It was ready, and does not answer.
}

// askTimeout bounds the question to the server.
const askTimeout = 3 * time.Second

// How long a process that was killed may take to be gone: on a busy machine its
// lock outlives its listeners.
const (
	dying     = 5 * time.Second
	dyingPoll = 50 * time.Millisecond
)

// LookSettled is Look, but waits when a process that was ready no longer answers:
// it was killed a moment ago, perhaps.
func LookSettled(ctx context.Context, dataDir string, clk clock.Clock) (State, error) {
	began := clk.Now()
	for {
		state, err := Look(ctx, dataDir)
		if err != nil || !state.silent || clk.Since(began) > dying {
			return state, err
		}
		select {
		case <-ctx.Done():
			return State{}, ctx.Err()
		case <-clk.After(dyingPoll):
		}
	}
}

// Look tells how the platform of a data directory is. It asks the running
// server too.
func Look(ctx context.Context, dataDir string) (State, error) {
	status, running, err := standalone.Inspect(dataDir)
	if err != nil {
		return State{}, err
	}
	report, err := readReport(dataDir)
	if err != nil {
		return State{}, err
	}
	state := State{Running: running, Plane: status, Server: report}
	if running && report.PID != status.PID {
		state.Server = Report{Phase: PhaseControlPlane} // of an earlier process
	}
	state.Reason = state.whyNotReady(ctx)
	state.silent = strings.HasPrefix(state.Reason, silence)
	state.Ready = state.Reason == ""
	return state, nil
}

func (s State) whyNotReady(ctx context.Context) string {
	switch {
	case !s.Running && s.Server.Phase == PhaseFailed:
		return "not running; it ended with: " + s.Server.Error
	case !s.Running:
		return "not running"
	case s.Plane.Orphaned:
		return fmt.Sprintf("process %d was killed, and its children are ending", s.Plane.PID)
	}
	for _, child := range s.Plane.Children {
		if !child.Ready {
			return strings.TrimSuffix(fmt.Sprintf("%s is not ready: %s", child.Name, child.Waiting), ": ")
		}
	}
	if s.Server.Phase != PhaseReady {
		return "starting: " + string(s.Server.Phase)
	}
	return askReady(ctx, s.Server.Health+"/readyz")
}

// silence begins the reason of a server that does not answer.
const silence = "the server does not answer: "

// askReady returns what the server answers when it is not ready.
func askReady(ctx context.Context, url string) string {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return silence + err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return ""
	}
	const enough = 4 << 10
	body, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err != nil {
		return response.Status
	}
	return strings.TrimSpace(string(body))
}

// Times of stopping.
const (
	stopPatience = 45 * time.Second
	stopPoll     = 50 * time.Millisecond
)

// Stop ends the platform of a data directory and returns when the last of its
// processes is gone. One that does not end in 45 seconds is killed; its
// children end with it. It returns false when none was running.
func Stop(ctx context.Context, dataDir string, clk clock.Clock) (stopped bool, err error) {
	status, running, err := standalone.Inspect(dataDir)
	if err != nil || !running {
		return false, err
	}
	if !status.Orphaned {
		if err := signal(status.PID, syscall.SIGTERM); err != nil {
			return false, err
		}
	}
	patient, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	err = awaitFree(patient, dataDir, clk)
	if err == nil || ctx.Err() != nil || status.Orphaned {
		return err == nil, err
	}
	if err := signal(status.PID, syscall.SIGKILL); err != nil {
		return false, err
	}
	patient, cancel = context.WithTimeout(ctx, stopPatience)
	defer cancel()
	err = awaitFree(patient, dataDir, clk)
	return err == nil, err
}

// signal sends to a process; one that is gone already is what we want.
func signal(pid int, s syscall.Signal) error {
	if pid <= 0 {
		return errors.New("the data directory is in use, but its lock does not say by which process")
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	return nil
}

func awaitFree(ctx context.Context, dataDir string, clk clock.Clock) error {
	for {
		status, running, err := standalone.Inspect(dataDir)
		if err != nil || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d still runs: %w", status.PID, ctx.Err())
		case <-clk.After(stopPoll):
		}
	}
}
