package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestPlatform runs the sessions that start the platform on this machine, each
// in a data folder of its own.
func TestPlatform(t *testing.T) {
	t.Parallel()
	binary, err := kubetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "platform"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			data := filepath.Join(env.WorkDir, "data")
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("NO_COLOR", "1")
			env.Setenv("ROADBED_KUBE", binary)
			env.Setenv("ROADBED_DATA_DIR", data)
			env.Defer(func() { endPlatform(data) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"kill9": kill9},
	})
}

// kill9 kills the platform's process; its argument is the data folder.
func kill9(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		script.Fatalf("usage: kill9 DATA_FOLDER")
	}
	if !endPlatform(script.MkAbs(args[0])) {
		script.Fatalf("no platform runs on %s", args[0])
	}
}

// endPlatform kills the process that the data folder's owner file names, if it lives;
// its children end with it.
func endPlatform(data string) bool {
	content, err := os.ReadFile(filepath.Join(data, "owner"))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	return err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil
}
