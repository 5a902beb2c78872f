// Command kubebuild builds the embedded Kubernetes control plane, once.
//
//	kubebuild -module kube -out bin/roadbed-kube
//
// The executable is built again only when the sources of its module, the Go
// version or the target platform change: a stamp beside it holds a hash of all
// of them. While it builds, one line says how many packages are compiled; away
// from a terminal the line is repeated every half minute.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	module := flag.String("module", "kube", "directory of the Go module to build")
	out := flag.String("out", filepath.Join("bin", "roadbed-kube"), "executable to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *module, *out)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "kubebuild: %v\n", err)
		os.Exit(1)
	}
}

// run leaves a current executable at out, building it only when it must.
func run(ctx context.Context, module, out string) error {
	tool := toolchain{dir: module}
	platform, err := tool.platform(ctx)
	if err != nil {
		return err
	}
	want, err := stamp(os.DirFS(module), platform)
	if err != nil {
		return fmt.Errorf("hash %q: %w", module, err)
	}
	if current(out, want) {
		return nil
	}
	started := time.Now()
	if err := build(ctx, tool, out); err != nil {
		return fmt.Errorf("build %q: %w", out, err)
	}
	if err := os.WriteFile(stampPath(out), []byte(want+"\n"), 0o644); err != nil {
		return fmt.Errorf("remember what was built: %w", err)
	}
	fmt.Fprintf(os.Stderr, "roadbed-kube built in %s\n", time.Since(started).Round(time.Second))
	return nil
}

// build compiles into a file beside out and renames it, so that a process
// which runs the old executable is not disturbed and a broken build leaves the
// old one in place.
func build(ctx context.Context, tool toolchain, out string) error {
	target, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	meter := newMeter(os.Stderr, isTerminal(os.Stderr), "roadbed-kube")
	defer meter.stop()
	fresh := target + ".new"
	if err := tool.build(ctx, fresh, meter); err != nil {
		return errors.Join(err, removeIfThere(fresh))
	}
	return os.Rename(fresh, target)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
