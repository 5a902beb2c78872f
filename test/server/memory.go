package server

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is what a process holds, in bytes.
type Memory struct {
	// Resident is what it holds now, Peak the most it ever held.
	Resident, Peak int64
}

// Memory reads what the process holds from /proc, which only Linux has.
func (p *Process) Memory() (Memory, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read the server's memory: %w", err)
	}
	resident, err := kilobytes(string(content), "VmRSS:")
	if err != nil {
		return Memory{}, err
	}
	peak, err := kilobytes(string(content), "VmHWM:")
	return Memory{Resident: resident, Peak: peak}, err
}

// CPU is how much processor time a process has used, from Linux's /proc.
func CPU(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's time: %w", err)
	}
	return cpu(string(content))
}

// cpu adds the times in user and system mode of a line such as
// "12 (a name) S 1 ...", which counts in hundredths of a second.
func cpu(stat string) (time.Duration, error) {
	const user, system = 11, 12 // counted from behind the name
	_, behind, _ := strings.Cut(stat[strings.LastIndex(stat, ")")+1:], " ")
	fields := strings.Fields(behind)
	if len(fields) <= system {
		return 0, fmt.Errorf("a process's stat has %d fields behind its name", len(fields))
	}
	var total time.Duration
	for _, field := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read a process's time: %w", err)
		}
		total += time.Duration(ticks) * 10 * time.Millisecond
	}
	return total, nil
}

// kilobytes finds a line such as "VmRSS:	  1024 kB" and returns it in bytes.
func kilobytes(status, key string) (int64, error) {
	for line := range strings.Lines(status) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != key || fields[2] != "kB" {
			continue
		}
		count, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s of a process: %w", key, err)
		}
		return count << 10, nil
	}
	return 0, fmt.Errorf("a process's status has no %s", key)
}
