package main

import "golang.org/x/sys/unix"

// memory is the machine's memory in bytes; 0 when the system does not say.
func memory() uint64 {
	size, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return size
}
