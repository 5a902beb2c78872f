package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// lifelineVariable names the environment variable that carries the number of
// an inherited file descriptor: the read end of a pipe whose write end only
// the supervising process holds.
const lifelineVariable = "ROADBED_LIFELINE_FD"

// lifelineExit is the exit code of a component whose supervisor is gone.
const lifelineExit = 125

// holdLifeline ends the process at once when the supervisor that started it
// ends, however it ends: the kernel closes the pipe for it. That works on every
// system, and also after kill -9, where no handler of the supervisor runs.
//
// Without the variable there is no supervisor and nothing happens. The variable
// is removed and the descriptor kept from the component's own children.
func holdLifeline() error {
	value, supervised := os.LookupEnv(lifelineVariable)
	if !supervised {
		return nil
	}
	if err := os.Unsetenv(lifelineVariable); err != nil {
		return fmt.Errorf("unset %s: %w", lifelineVariable, err)
	}
	pipe, err := openLifeline(value)
	if err != nil {
		return fmt.Errorf("%s: %w", lifelineVariable, err)
	}
	go func() {
		awaitEnd(pipe)
		os.Exit(lifelineExit)
	}()
	return nil
}

// openLifeline takes the descriptor over. It refuses the standard streams and
// descriptors that are not open, so that a mistake is seen at start.
func openLifeline(value string) (*os.File, error) {
	fd, err := strconv.Atoi(value)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%q is not a file descriptor above 2", value)
	}
	pipe := os.NewFile(uintptr(fd), "lifeline")
	if _, err := pipe.Stat(); err != nil {
		return nil, fmt.Errorf("descriptor %d is not open: %w", fd, err)
	}
	syscall.CloseOnExec(fd)
	return pipe, nil
}

// awaitEnd returns when the pipe's last writer is gone. What is written into
// the pipe means nothing.
func awaitEnd(pipe io.Reader) {
	ignored := make([]byte, 64)
	for {
		_, err := pipe.Read(ignored)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}
