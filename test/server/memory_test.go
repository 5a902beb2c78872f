package server

import "testing"

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
