package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// heldProcess makes the test binary play a component under a lifeline.
const heldProcess = "ROADBED_TEST_HELD_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(heldProcess) != "" {
		os.Exit(playComponent())
	}
	os.Exit(m.Run())
}

// playComponent holds the lifeline, says whether the variable is gone, and
// then stays until the lifeline ends it.
func playComponent() int {
	if err := holdLifeline(); err != nil {
		fmt.Println(err)
		return 2
	}
	_, visible := os.LookupEnv(lifelineVariable)
	fmt.Printf("held visible=%t\n", visible)
	time.Sleep(time.Minute)
	return 0
}

func component(t *testing.T, lifeline string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), heldProcess+"=1", lifelineVariable+"="+lifeline)
	return command
}

func TestLifelineEndsTheProcess(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := component(t, "3")
	command.ExtraFiles = []*os.File{read}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()

	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "held visible=false\n" {
		t.Fatalf("component said %q (%v)", line, err)
	}
	if _, err := write.WriteString("not the end"); err != nil {
		t.Fatalf("the component is gone before its supervisor: %v", err)
	}
	write.Close()

	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != lifelineExit {
		t.Errorf("component ended with %v, want exit code %d", err, lifelineExit)
	}
}

func TestLifelineRefusesBadDescriptors(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":    "not a file descriptor",
		"two": "not a file descriptor",
		"1":   "not a file descriptor",
		"77":  "descriptor 77 is not open",
	} {
		t.Run("value "+value, func(t *testing.T) {
			t.Parallel()
			out, err := component(t, value).Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
				t.Errorf("ended with %v saying %q, want exit code 2 and %q", err, out, want)
			}
		})
	}
}
