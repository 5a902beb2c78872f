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

// lock is a data directory taken for this process.
type lock struct {
	// shared is inherited by the children, so that the directory stays taken
	// until the last one is gone.
	shared *os.File
	// own is not: it tells whether the supervising process lives. A process id
	// cannot tell, because it outlives its process as a zombie and is used again.
	own *os.File
}

// Close gives the directory free, as far as this process is concerned.
func (l lock) Close() error { return errors.Join(l.own.Close(), l.shared.Close()) }

// acquireLock takes the data directory for this process.
func acquireLock(ctx context.Context, l layout, clk clock.Clock) (lock, error) {
	shared, err := openLock(l.lock())
	if err != nil {
		return lock{}, err
	}
	if err := waitForLock(ctx, shared, l, clk); err != nil {
		return lock{}, errors.Join(err, shared.Close())
	}
	own, err := takeOwn(l)
	if err != nil {
		return lock{}, errors.Join(err, shared.Close())
	}
	return lock{shared: shared, own: own}, nil
}

func openLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return file, nil
}

// takeOwn takes the second lock and writes our process id into it. Nobody else
// wants it: whoever has the shared one may have this one.
func takeOwn(l layout) (*os.File, error) {
	own, err := openLock(l.owner())
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(own.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", l.owner(), err), own.Close())
	}
	if err := writePID(own); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return own, nil
}

// waitForLock tries until the lock is free, for long only when its holders are
// children without a supervisor.
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
		supervised, err := held(l.owner())
		if err != nil {
			return err
		}
		patience := lockPatience
		if supervised {
			patience = lockGlance
		}
		if clk.Since(began) > patience {
			return &LockedError{Dir: string(l), PID: readPID(l)}
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
	content, err := os.ReadFile(l.owner())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	return pid
}

// held says whether any process holds the lock in a file.
func held(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for lock %s: %w", path, err)
	}
	return false, nil
}
