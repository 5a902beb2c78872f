//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child, and its children.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	input io.WriteCloser
}

// startOn runs a command on one core, or several with commas between them.
func startOn(cores string, stderr io.Writer, name string, args ...string) (*process, error) {
	cmd := exec.Command("taskset", append([]string{"-c", cores, name}, args...)...)
	cmd.Stderr = stderr
	// Should this process be killed, nothing stays behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{cmd: cmd, lines: bufio.NewScanner(out), input: input}, nil
}

// line returns the next line that the child says.
func (p *process) line() (string, error) {
	if !p.lines.Scan() {
		return "", fmt.Errorf("%s said nothing: %w", p.cmd.Path, errors.Join(p.lines.Err(), io.ErrUnexpectedEOF))
	}
	return p.lines.Text(), nil
}

// address returns the address that the child says.
func (p *process) address() (netip.AddrPort, error) {
	text, err := p.line()
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(text)
}

// stop ends the child and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	_ = p.cmd.Wait()                          // it ends by the signal
}

// tick is the unit of CPU times in /proc.
const tick = 10 * time.Millisecond

// cpu is the time that the child and its children have used.
func (p *process) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range family(p.cmd.Process.Pid) {
		stat, err := os.ReadFile(procFile(pid, "stat"))
		if err != nil {
			return 0, err
		}
		// The command's name, in brackets, may hold anything.
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		for _, i := range []int{11, 12} { // utime, stime
			ticks, err := strconv.Atoi(fields[i])
			if err != nil {
				return 0, err
			}
			total += time.Duration(ticks) * tick
		}
	}
	return total, nil
}

// rss is the memory that the child and its children have, in MiB.
func (p *process) rss() (float64, error) {
	total := 0.0
	for _, pid := range family(p.cmd.Process.Pid) {
		status, err := os.ReadFile(procFile(pid, "status"))
		if err != nil {
			return 0, err
		}
		_, rest, found := strings.Cut(string(status), "VmRSS:")
		if !found {
			return 0, fmt.Errorf("process %d has no memory", pid)
		}
		kib, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			return 0, err
		}
		total += float64(kib) / 1024
	}
	return total, nil
}

func procFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// family is a process and its children.
func family(pid int) []int {
	pids := []int{pid}
	children, err := os.ReadFile(procFile(pid, fmt.Sprintf("task/%d/children", pid)))
	if err != nil {
		return pids // it has ended
	}
	for child := range strings.FieldsSeq(string(children)) {
		if number, err := strconv.Atoi(child); err == nil {
			pids = append(pids, number)
		}
	}
	return pids
}

// answers waits until somebody accepts connections.
func answers(ctx context.Context, address netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", address.String())
		if err == nil {
			return nc.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nobody accepts connections at %v: %w", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
