package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// toolchain runs the go command inside one module.
type toolchain struct {
	// dir is the module's directory.
	dir string
}

// platform names the Go version and the target, as in "go1.26.8 linux amd64".
func (t toolchain) platform(ctx context.Context) (string, error) {
	out, err := t.output(ctx, "env", "GOVERSION", "GOOS", "GOARCH")
	return strings.Join(strings.Fields(out), " "), err
}

// build compiles the module's main package into out and reports every compiled
// package to the meter.
func (t toolchain) build(ctx context.Context, out string, meter *meter) error {
	meter.say("fetching modules")
	stale, err := t.stalePackages(ctx, meter)
	if err != nil {
		return err
	}
	flags, err := t.linkerFlags(ctx)
	if err != nil {
		return err
	}
	meter.expect(stale)
	var complaints bytes.Buffer
	cmd := t.command(ctx, "build", "-v", "-ldflags", flags, "-o", out, ".")
	err = follow(cmd, func(line string) {
		if !meter.compiled(line) {
			fmt.Fprintln(&complaints, line)
		}
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, complaints.String())
	}
	return nil
}

// stalePackages lists the packages that the build has to compile: those that
// Go's build cache does not hold.
func (t toolchain) stalePackages(ctx context.Context, meter *meter) ([]string, error) {
	cmd := t.command(ctx, "list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", ".")
	var stdout, complaints bytes.Buffer
	cmd.Stdout = &stdout
	err := follow(cmd, func(line string) {
		if !meter.fetched(line) {
			fmt.Fprintln(&complaints, line)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list packages: %w\n%s", err, complaints.String())
	}
	return strings.Fields(stdout.String()), nil
}

// linkerFlags stamps the version of Kubernetes that go.mod requires into the
// executable: clients refuse a server whose version they cannot parse.
func (t toolchain) linkerFlags(ctx context.Context) (string, error) {
	out, err := t.output(ctx, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	return versionFlags(strings.TrimSpace(out))
}

// versionFlags are the linker flags for a version such as v1.37.2.
func versionFlags(version string) (string, error) {
	numbers := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if !strings.HasPrefix(version, "v") || len(numbers) < 3 {
		return "", fmt.Errorf("k8s.io/kubernetes has the version %q, which is none like v1.2.3", version)
	}
	const component, client = "k8s.io/component-base/version.", "k8s.io/client-go/pkg/version."
	flags := []string{"-s", "-w"}
	for _, value := range []string{
		component + "gitVersion=" + version,
		component + "gitMajor=" + numbers[0],
		component + "gitMinor=" + numbers[1],
		component + "gitTreeState=clean",
		component + "gitCommit=roadbed",
		component + "buildDate=1970-01-01T00:00:00Z",
		client + "gitVersion=" + version,
	} {
		flags = append(flags, "-X", value)
	}
	return strings.Join(flags, " "), nil
}

func (t toolchain) output(ctx context.Context, args ...string) (string, error) {
	cmd := t.command(ctx, args...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return string(out), err
}

func (t toolchain) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	return cmd
}

// follow runs the command and hands over each line of its standard error.
func follow(cmd *exec.Cmd, line func(string)) error {
	reader, writer := io.Pipe()
	cmd.Stderr = writer
	done := make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			line(scanner.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // a line too long to scan must not block the command
	}()
	err := cmd.Run()
	_ = writer.Close()
	<-done
	return err
}
