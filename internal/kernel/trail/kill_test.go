package trail_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// childEnv makes the test binary a process that records into the trail that
// the variable names until somebody kills it.
const childEnv = "ROADBED_TEST_TRAIL"

// recordUntilKilled prints the name of each record that Record returned for.
func recordUntilKilled(path string, out io.Writer) int {
	file, err := trail.OpenFile(path, clock.RealClock{}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var printing sync.Mutex
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := file.Record(context.Background(), cordon(name)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				printing.Lock()
				fmt.Fprintln(out, name)
				printing.Unlock()
			}
		})
	}
	group.Wait()
	return 1
}

func TestKilledProcessKeepsWhatItPromised(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	var promised []string
	for round := range 5 {
		promised = append(promised, killAfter(t, path, 50+37*round)...)
	}
	open(t, path, slog.New(slog.DiscardHandler)) // cuts off what the last kill tore
	kept := map[string]bool{}
	for _, name := range names(t, path) {
		kept[name] = true
	}
	for _, name := range promised {
		if !kept[name] {
			t.Errorf("Record returned for %s, but it is gone", name)
		}
	}
}

// killAfter runs a child until it has promised that many records, kills it
// with -9 and returns everything that it promised.
func killAfter(t *testing.T, path string, count int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var promised []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		promised = append(promised, lines.Text())
		if len(promised) == count {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed, which Wait calls an error
	if len(promised) < count {
		t.Fatalf("the child promised %d records before it ended by itself, want %d", len(promised), count)
	}
	return promised
}
