package standalone

import (
	"errors"
	"fmt"
	"strings"
)

// DamagedError says that something in the data directory cannot be read.
// Nothing has been changed.
type DamagedError struct {
	// Dir is the data directory.
	Dir string
	// File is the damaged file or folder.
	File string
	// Log is the log file with the details; empty when there is none.
	Log string
	// Err is what was found.
	Err error
}

// Error names the file, what is wrong with it, and the two ways out.
func (e *DamagedError) Error() string {
	details := ""
	if e.Log != "" {
		details = fmt.Sprintf(" (details in %s)", e.Log)
	}
	return fmt.Sprintf("data directory %s is damaged: %s: %v%s; nothing was changed: restore it from a backup, or let `roadbed reset --yes` start anew, which loses everything in it",
		e.Dir, e.File, e.Err, details)
}

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.Err }

// LockedError says that another process uses the data directory.
type LockedError struct {
	// Dir is the data directory.
	Dir string
	// PID is the process that holds it; 0 when the lock does not say.
	PID int
}

// Error names the directory, its holder and the verbs that help.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use by %s: `roadbed status` shows it, `roadbed down` stops it", e.Dir, holder)
}

// ChildError says that a component ended before it was ready, or did not get
// ready in time.
type ChildError struct {
	// Child is the component's name.
	Child string
	// Log is its log file.
	Log string
	// Tail is the end of the log, at most a few lines.
	Tail string
	// Err is how it ended, or what it waits for.
	Err error
}

// Error says how the component ended, with the last lines it wrote.
func (e *ChildError) Error() string {
	what := "ended before it was ready"
	if errors.Is(e.Err, errNeverReady) {
		what = "did not start"
	}
	message := fmt.Sprintf("%s %s: %v; its log is %s", e.Child, what, e.Err, e.Log)
	if e.Tail == "" {
		return message
	}
	return message + " and ends:\n  " + strings.ReplaceAll(e.Tail, "\n", "\n  ")
}

// Unwrap returns how the component ended.
func (e *ChildError) Unwrap() error { return e.Err }
