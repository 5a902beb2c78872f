package standalone_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// supervisorDir makes the test binary run a plane until it is killed.
const supervisorDir = "ROADBED_TEST_SUPERVISOR_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(supervisorDir); dir != "" {
		os.Exit(playSupervisor(dir))
	}
	kubetest.Main(m)
}

func playSupervisor(dir string) int {
	plane, err := kubetest.StartPlane(context.Background(), kubetest.WithDataDir(dir), kubetest.WithNodes(1))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_ = plane.Wait(context.Background())
	return 0
}

// TestNoOrphans kills the supervising process with -9: its children end by
// themselves, and the directory can be used again at once.
func TestNoOrphans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	supervisor := exec.CommandContext(t.Context(), os.Args[0])
	supervisor.Env = append(os.Environ(), supervisorDir+"="+dir)
	stdout, err := supervisor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("supervisor said %q, %v", line, err)
	}
	status, running, err := standalone.Inspect(dir)
	if err != nil || !running || len(status.Children) != 5 {
		t.Fatalf("status of the other process: %+v, running %t, %v", status, running, err)
	}

	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait() // "signal: killed"
	for _, child := range status.Children {
		kubetest.Eventually(t, time.Minute, child.Name+" is gone", func() error {
			if syscall.Kill(child.PID, 0) == nil && !zombie(child.PID) {
				return fmt.Errorf("process %d lives", child.PID)
			}
			return nil
		})
	}
	kubetest.Eventually(t, time.Minute, "the directory is free", func() error {
		if _, running, err := standalone.Inspect(dir); running || err != nil {
			return errors.Join(errors.New("in use"), err)
		}
		return nil
	})
}

// zombie says whether a process has ended and nobody has asked how: in a
// container without an init process orphans stay like that.
func zombie(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	return strings.HasPrefix(rest, "Z")
}
