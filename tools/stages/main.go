// Command stages runs named shell commands one after the other and closes with
// a table of how long each took, and how much of that in processors: where others
// work as well, only that says what a stage costs.
//
//	stages lint='make lint' unit='go test ./...'
//
// It stops at the first command that fails and exits with 1. Output passes
// through unchanged.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

// stage is a command with a name.
type stage struct {
	name, command string
}

// outcome is what came of a stage.
type outcome struct {
	stage stage
	took  time.Duration
	// worked is the processor time of the command and of all that it waited for.
	worked time.Duration
	err    error
}

func main() {
	stages, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "stages: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	outcomes := run(ctx, stages, os.Stdout, os.Stderr)
	stop()
	report(os.Stdout, stages, outcomes)
	if failed(outcomes) {
		os.Exit(1)
	}
}

// parse reads arguments of the form NAME=COMMAND.
func parse(args []string) ([]stage, error) {
	if len(args) == 0 {
		return nil, errors.New("give at least one NAME=COMMAND")
	}
	stages := make([]stage, 0, len(args))
	for _, arg := range args {
		name, command, found := strings.Cut(arg, "=")
		if !found || name == "" || command == "" {
			return nil, fmt.Errorf("%q is not of the form NAME=COMMAND", arg)
		}
		stages = append(stages, stage{name: name, command: command})
	}
	return stages, nil
}

// run returns one outcome for each stage that was started.
func run(ctx context.Context, stages []stage, stdout, stderr io.Writer) []outcome {
	var outcomes []outcome
	for _, s := range stages {
		fmt.Fprintf(stdout, "==> %s\n", s.name)
		started := time.Now()
		cmd := exec.CommandContext(ctx, "sh", "-c", s.command)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		err := cmd.Run()
		took := time.Since(started)
		outcomes = append(outcomes, outcome{stage: s, took: took, worked: worked(cmd.ProcessState), err: err})
		if err != nil {
			break
		}
	}
	return outcomes
}

// worked is the processor time of a process that has ended; 0 if there was none.
func worked(ended *os.ProcessState) time.Duration {
	if ended == nil {
		return 0
	}
	return ended.UserTime() + ended.SystemTime()
}

// report writes the closing table; stages that were never started are in it.
func report(w io.Writer, stages []stage, outcomes []outcome) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	fmt.Fprintln(table, "\nSTAGE\tTIME\tPROCESSORS\tRESULT")
	for i, s := range stages {
		if i >= len(outcomes) {
			fmt.Fprintf(table, "%s\t-\t-\tnot run\n", s.name)
			continue
		}
		result := "passed"
		if outcomes[i].err != nil {
			result = "FAILED: " + outcomes[i].err.Error()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.name, outcomes[i].took.Round(time.Second/10), outcomes[i].worked.Round(time.Second/10), result)
	}
}

func failed(outcomes []outcome) bool {
	return outcomes[len(outcomes)-1].err != nil
}
