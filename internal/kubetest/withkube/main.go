// Command withkube starts one control plane and runs a command beside it, so
// that the tests of many packages share it:
//
//	go run ./internal/kubetest/withkube -- go test ./...
//
// The command finds the plane through ROADBED_KUBETEST. The plane and its data
// are gone when the command ends, whose exit code is passed on.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withkube:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 2, errors.New("no command: withkube -- COMMAND [ARGUMENTS]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	dir, err := os.MkdirTemp("", "roadbed-withkube-")
	if err != nil {
		return 1, fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	plane, err := kubetest.StartPlane(ctx, kubetest.WithDataDir(dir), kubetest.WithNodes(2))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop(context.Background())) }()
	return runBeside(ctx, dir, args)
}

// runBeside runs the command. A signal ends the command; the plane goes after it.
func runBeside(ctx context.Context, dir string, args []string) (int, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Env = append(os.Environ(), kubetest.PlaneVariable+"="+dir)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
