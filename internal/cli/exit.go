package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The exit codes of every verb.
const (
	exitOK          = 0 // done
	exitFailed      = 1 // failed, or refused by the platform
	exitUsage       = 2 // the command line itself is wrong
	exitDifferences = 3 // a dry run or plan found differences
)

// exitError ends the program with a code of its own. A nil err prints nothing:
// the verb has said all there is to say.
type exitError struct {
	code int
	err  error
}

// Error is the wrapped error's message.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap is the error that is reported to the user.
func (e *exitError) Unwrap() error { return e.err }

// usageErrorf says that the command line is wrong.
func usageErrorf(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// exitWith ends the program with a code and no further message.
func exitWith(code int) error { return &exitError{code: code} }

// report prints the error that ended a verb and chooses the exit code.
func (p *program) report(ctx context.Context, cmd *cobra.Command, err error) int {
	code := exitFailed
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		code, err = exit.code, exit.err
	case !p.running:
		code = exitUsage
	}
	if err == nil {
		return code
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(p.Err, "error: %s\n", describeError(err))
	if code == exitUsage {
		fmt.Fprintf(p.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return code
}
