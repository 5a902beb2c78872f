package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// EventKind says what happened to a plane.
type EventKind string

// The kinds of events.
const (
	// EventStarted: a component's process runs; it is not ready yet.
	EventStarted EventKind = "Started"
	// EventReady: a component answers.
	EventReady EventKind = "Ready"
	// EventExited: a component ended without being asked and starts again
	// after Delay.
	EventExited EventKind = "Exited"
	// EventStopped: a component ended because it was asked to.
	EventStopped EventKind = "Stopped"
	// EventPortMoved: a remembered port was taken, Message says by which new
	// one it was replaced.
	EventPortMoved EventKind = "PortMoved"
)

// Event is something that happened to a plane.
type Event struct {
	Time time.Time
	Kind EventKind
	// Child is the component.
	Child string
	// Message is a sentence for people where the kind does not say it all.
	Message string
	// Err is how the component ended.
	Err error
	// Delay is the time until it starts again.
	Delay time.Duration
}

// ChildStatus is how a component is.
type ChildStatus struct {
	Name string `json:"name"`
	// PID is 0 while the component does not run.
	PID int `json:"pid"`
	// Ready says that the component has answered since it was started.
	Ready bool `json:"ready"`
	// Restarts counts the starts that nobody asked for.
	Restarts int `json:"restarts"`
	// LastExit is how it last ended without being asked.
	LastExit string `json:"lastExit,omitempty"`
	// Waiting is why it is not ready.
	Waiting string `json:"waiting,omitempty"`
	// Port is where it listens on 127.0.0.1; 0 for one that does not listen.
	Port int `json:"port,omitempty"`
	// Log is its log file.
	Log string `json:"log"`
}

// Status is how a plane is.
type Status struct {
	// PID is the supervising process.
	PID int `json:"pid"`
	// Orphaned says that the supervising process is gone, by kill -9 say, and
	// that its children are ending.
	Orphaned bool `json:"orphaned,omitempty"`
	// Ready says that every component is.
	Ready bool `json:"ready"`
	// Started is when the plane was started.
	Started time.Time `json:"started"`
	// Server is the API server's URL.
	Server string `json:"server"`
	// DataDir is the data directory.
	DataDir string `json:"dataDir"`
	// Kubeconfig is the administrator's kubeconfig file.
	Kubeconfig string `json:"kubeconfig"`
	// Ephemeral says that etcd does not wait for the disk.
	Ephemeral bool `json:"ephemeral,omitempty"`
	// Nodes is the number of simulated nodes.
	Nodes int `json:"nodes"`
	// Children are the components, in the order in which they start.
	Children []ChildStatus `json:"children"`
}

// Inspect tells how the plane of a data directory is, from another process.
// Running is true while the plane or one of its children lives; the status is
// then its last one, else the zero Status with the directory filled in.
func Inspect(dataDir string) (status Status, running bool, err error) {
	l := layout(dataDir)
	running, err = held(l.lock())
	if err != nil || !running {
		return Status{DataDir: dataDir, Kubeconfig: l.kubeconfig()}, false, err
	}
	if status, err = readStatus(l); err != nil {
		return Status{}, true, err
	}
	pid := readPID(l)
	if status.PID != pid {
		status = Status{PID: pid, DataDir: dataDir, Kubeconfig: l.kubeconfig()}
	}
	supervised, err := held(l.owner())
	status.Orphaned = !supervised
	return status, true, err
}

// readStatus reads status.json; one that is not there yet, or cannot be
// understood, is the zero Status: the next change replaces it, and until then
// the lock says enough to stop the plane.
func readStatus(l layout) (status Status, err error) {
	content, err := os.ReadFile(l.status())
	if errors.Is(err, os.ErrNotExist) {
		return status, nil
	}
	if err != nil {
		return status, fmt.Errorf("read status: %w", err)
	}
	if !json.Valid(content) {
		return status, nil
	}
	if err := json.Unmarshal(content, &status); err != nil {
		return status, fmt.Errorf("read status %s: %w", l.status(), err)
	}
	return status, nil
}

// Erase deletes a data directory and everything in it, for good. It refuses
// while a plane uses it, and refuses a directory that no plane has made.
func Erase(dataDir string) error {
	l := layout(dataDir)
	if _, err := os.Stat(l.lock()); err != nil {
		return fmt.Errorf("%s is not a data directory of Roadbed: %w", dataDir, err)
	}
	running, err := held(l.lock())
	if err != nil {
		return err
	}
	if running {
		return &LockedError{Dir: dataDir, PID: readPID(l)}
	}
	if err := os.RemoveAll(dataDir); err != nil {
		return fmt.Errorf("erase data directory: %w", err)
	}
	return nil
}
