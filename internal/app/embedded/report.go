package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names within the data directory.
const (
	reportFile = "server.json"
	trailFile  = "trail.jsonl"
	exportDir  = "exports"
)

// Phase is how far a platform is.
type Phase string

// The phases, in their order; PhaseFailed may follow any.
const (
	// PhaseControlPlane: Kubernetes is starting.
	PhaseControlPlane Phase = "ControlPlane"
	// PhaseInstall: kinds, roles, guards and tiers are being installed.
	PhaseInstall Phase = "Install"
	// PhaseServer: the server fills its caches.
	PhaseServer Phase = "Server"
	// PhaseReady: every controller has reconciled.
	PhaseReady Phase = "Ready"
	// PhaseFailed: the platform ended with an error.
	PhaseFailed Phase = "Failed"
)

// Report is what the server says of itself to other processes.
type Report struct {
	// PID is the process that wrote it.
	PID int `json:"pid"`
	// Phase is how far it is.
	Phase Phase `json:"phase"`
	// Started is when the control plane was up.
	Started time.Time `json:"started"`
	// Ready is when the server was ready; the zero time before.
	Ready time.Time `json:"ready,omitzero"`
	// Health and Metrics are base URLs.
	Health  string `json:"health,omitempty"`
	Metrics string `json:"metrics,omitempty"`
	// Platform is the base URL of claims over HTTP; empty where there are none.
	Platform string `json:"platform,omitempty"`
	// Error is why it failed.
	Error string `json:"error,omitempty"`
}

// save replaces the report, as a whole.
func (r Report) save(dataDir string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the server's report: %w", err)
	}
	path := filepath.Join(dataDir, reportFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the server's report: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the server's report: %w", err)
	}
	return nil
}

// failed keeps the error for those who look later, and returns it.
func (r Report) failed(dataDir string, err error) error {
	r.Phase, r.Error = PhaseFailed, err.Error()
	return errors.Join(err, r.save(dataDir))
}

// readReport reads the last report; a directory without one has the zero Report.
// One that cannot be understood keeps nobody from starting or stopping: it is a
// failure, and the next start replaces it.
func readReport(dataDir string) (Report, error) {
	var r Report
	content, err := os.ReadFile(filepath.Join(dataDir, reportFile))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the server's report: %w", err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return Report{Phase: PhaseFailed, Error: fmt.Sprintf("something that %s cannot tell: %v", filepath.Join(dataDir, reportFile), err)}, nil
	}
	return r, nil
}
