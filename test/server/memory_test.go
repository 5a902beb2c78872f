package server

import (
	"testing"
	"time"
)

func TestKilobytes(t *testing.T) {
	t.Parallel()
	const status = "Name:\troadbed\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t12\n"
	if got, err := kilobytes(status, "VmRSS:"); err != nil || got != 100<<20 {
		t.Errorf("VmRSS = %d, %v; want 100 MiB", got, err)
	}
	for _, absent := range []string{"VmSwap:", "Threads:", "VmRSS"} {
		if got, err := kilobytes(status, absent); err == nil {
			t.Errorf("%s = %d, want an error: no such line in kB", absent, got)
		}
	}
}

func TestCPU(t *testing.T) {
	t.Parallel()
	const stat = "42 (kube (api) server) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 10 0 100"
	if got, err := cpu(stat); err != nil || got != 1750*time.Millisecond {
		t.Errorf("cpu = %v, %v; want 1.5 s of user and 0.25 s of system time", got, err)
	}
	for _, broken := range []string{"", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 x y"} {
		if got, err := cpu(broken); err == nil {
			t.Errorf("cpu(%q) = %v, want an error", broken, got)
		}
	}
}
