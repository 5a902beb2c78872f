// Command generate writes the generated files in config/ but for the kinds'
// definitions, which controller-gen writes before. It takes the path of config/
// as its only argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/roadbed-dev/roadbed/internal/app/chart"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// folders are what belongs to this program: what else is in them goes.
var folders = []string{"admission", "chart", "install", "platform", "rbac", "tiers", "webhook"}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument, the path of config/, got %q", args)
	}
	files, err := chart.Files()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.RemoveAll(filepath.Join(args[0], folder)); err != nil {
			return fmt.Errorf("clear the folder: %w", err)
		}
	}
	for _, file := range files {
		path := filepath.Join(args[0], filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the folder: %w", err)
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}
