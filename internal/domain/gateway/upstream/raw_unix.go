//go:build unix

package upstream

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// exchanger sends a request and reads the beginning of its answer in one turn of
// the runtime's poller: it looks whether the connection is silent, writes, and
// waits. So a kept connection is known to be open and to have no byte of
// anybody's answer on it at the moment the request is sent, and no system call
// is spent on that: the one that looks is the one that any read begins with.
type exchanger struct {
	step    func(fd uintptr) bool // run, bound once so that it is not allocated again
	out, in []byte
	sent    bool
	n       int
	err     error
}

func (x *exchanger) init() { x.step = x.run }

// do returns what was read, or what of out is still to be written, in the
// ordinary way, before anything can be read.
func (x *exchanger) do(raw syscall.RawConn, out, in []byte) (rest []byte, n int, err error) {
	x.out, x.in, x.sent, x.n, x.err = out, in, false, 0, nil
	if err := raw.Read(x.step); err != nil {
		return nil, 0, err
	}
	rest, x.out, x.in = x.out, nil, nil
	return rest, x.n, x.err
}

// run returns false to be called again once the connection is readable.
func (x *exchanger) run(fd uintptr) bool {
	if !x.sent {
		if _, err := read(fd, x.in); !errors.Is(err, syscall.EAGAIN) {
			x.err = errStale
			return true
		}
		x.sent = true
		// What could not be written is left to the caller, an error too: it comes again.
		n, _ := write(fd, x.out)
		x.out = x.out[max(n, 0):]
		return len(x.out) > 0
	}
	n, err := read(fd, x.in)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		x.err = os.NewSyscallError("read", err)
	case n == 0:
		x.err = io.EOF
	}
	x.n = max(n, 0)
	return true
}

func read(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func write(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// silent tells whether a connection is open and has nothing to be read.
func silent(raw syscall.RawConn) bool {
	if raw == nil {
		return true
	}
	quiet := false
	err := raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
