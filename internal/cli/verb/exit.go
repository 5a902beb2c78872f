package verb

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The exit codes of every verb.
const (
	ExitOK          = 0 // done
	ExitFailed      = 1 // failed, or refused by the platform
	ExitUsage       = 2 // the command line itself is wrong
	ExitDifferences = 3 // a dry run or plan found differences
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

// Usagef says that the command line is wrong.
func Usagef(format string, args ...any) error {
	return &exitError{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// Exit ends the program with a code and no further message.
func Exit(code int) error { return &exitError{code: code} }

// Report prints the error that ended a verb and chooses the exit code.
func (p *Program) Report(ctx context.Context, cmd *cobra.Command, err error) int {
	code := ExitFailed
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		code, err = exit.code, exit.err
	case !p.Running:
		code = ExitUsage
	}
	if err == nil {
		return code
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(p.Err, "error: %s\n", DescribeError(err))
	if code == ExitUsage {
		fmt.Fprintf(p.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return code
}
