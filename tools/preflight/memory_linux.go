package main

import "golang.org/x/sys/unix"

// memory is the machine's memory in bytes; 0 when the system does not say.
func memory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}
