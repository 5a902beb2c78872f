//go:build unix

package main

import "golang.org/x/sys/unix"

// freeDisk is the space an ordinary user may still fill, in bytes; 0 when the
// system does not say.
func freeDisk(dir string) uint64 {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0
	}
	return stat.Bavail * uint64(stat.Bsize)
}
