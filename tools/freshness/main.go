// Command freshness tells whether the generated files of the tree are what the
// generators make today.
//
//	freshness -generate 'make generate'
//
// It copies the tree to a temporary directory, generates there, and compares
// every file. The tree itself is only read. Files that differ are named, and
// the exit code is 1.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	root := flag.String("root", ".", "tree to examine")
	command := flag.String("generate", "make generate", "shell command that writes every generated file")
	flag.Parse()
	stale, err := examine(*root, *command)
	if err != nil {
		fmt.Fprintf(os.Stderr, "freshness: %v\n", err)
		os.Exit(1)
	}
	if len(stale) > 0 {
		fmt.Fprintf(os.Stderr, "These generated files are not fresh; run %q and commit what it changes:\n  %s\n",
			*command, strings.Join(stale, "\n  "))
		os.Exit(1)
	}
	fmt.Println("generated files are fresh")
}

// examine returns the files that the command changes, adds or removes.
func examine(root, command string) (_ []string, err error) {
	dir, err := os.MkdirTemp("", "roadbed-freshness-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	if err := copyTree(root, dir); err != nil {
		return nil, fmt.Errorf("copy %q: %w", root, err)
	}
	before, err := digest(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	after, err := digest(dir)
	if err != nil {
		return nil, err
	}
	return differences(before, after), nil
}
