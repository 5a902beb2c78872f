package standalone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

// How long a start waits for a lock. Children outlive a killed Roadbed by a
// moment, and Inspect holds the lock for an instant.
const (
	lockPatience = 5 * time.Second
	lockGlance   = 300 * time.Millisecond
	lockPoll     = 20 * time.Millisecond
)

// acquireLock takes the data directory for this process. The caller passes the
// file on to the children, so that it stays taken until the last one is gone.
func acquireLock(ctx context.Context, l layout, clk clock.Clock) (*os.File, error) {
	file, err := os.OpenFile(l.lock(), os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := waitForLock(ctx, file, l, clk); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := writePID(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func waitForLock(ctx context.Context, file *os.File, l layout, clk clock.Clock) error {
	began := clk.Now()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", l.lock(), err)
		}
		pid := readPID(l)
		patience := lockPatience
		if alive(pid) {
			patience = lockGlance
		}
		if clk.Since(began) > patience {
			return &LockedError{Dir: string(l), PID: pid}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-clk.After(lockPoll):
		}
	}
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// readPID returns the process id in the lock, or 0.
func readPID(l layout) int {
	content, err := os.ReadFile(l.lock())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	return pid
}

// alive says whether a process exists, ours or not.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// locked says whether any process holds the data directory.
func locked(l layout) (bool, error) {
	file, err := os.Open(l.lock())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	defer file.Close()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for lock %s: %w", l.lock(), err)
	}
	return false, nil
}
