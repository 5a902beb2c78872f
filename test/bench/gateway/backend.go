//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// answerOf is what the backend answers: a small JSON document.
var answerOf = []byte("HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Mon, 23 Nov 2026 08:00:00 GMT\r\n" +
	"Content-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: 128\r\n\r\n" +
	`{"name":"orders","state":"` + strings.Repeat("x", 100) + `"}`)

// backend serves for ever, in one thread. It tells its address first. Requests
// have no body.
func backend(out io.Writer) error {
	listener, address, err := listen()
	if err != nil {
		return err
	}
	p, err := newPoller()
	if err != nil {
		return err
	}
	if err := p.add(listener); err != nil {
		return err
	}
	fmt.Fprintln(out, address)
	b := answering{poller: p, begun: map[int][]byte{}}
	for {
		events, err := p.wait(-1)
		if err != nil {
			return err
		}
		for i := range events {
			if fd := int(events[i].Fd); fd == listener {
				b.accept(fd)
			} else {
				b.answer(fd)
			}
		}
	}
}

// answering is the backend's connections.
type answering struct {
	poller *poller
	buf    [64 << 10]byte
	begun  map[int][]byte // what came of a request that is not complete
}

func (b *answering) accept(listener int) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return // whoever connected is gone again
	}
	if ready(fd) != nil || b.poller.add(fd) != nil {
		_ = unix.Close(fd)
	}
}

// answer answers as many requests as have come.
func (b *answering) answer(fd int) {
	n, err := unix.Read(fd, b.buf[:])
	if n <= 0 || err != nil {
		delete(b.begun, fd)
		_ = unix.Close(fd)
		return
	}
	data := b.buf[:n]
	if begun := b.begun[fd]; begun != nil {
		data = append(begun, data...)
	}
	for {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			break
		}
		data = data[end+4:]
		if _, err := unix.Write(fd, answerOf); err != nil {
			break // a read of the socket will say why
		}
	}
	if len(data) > 0 {
		b.begun[fd] = bytes.Clone(data)
	} else if len(b.begun) > 0 {
		delete(b.begun, fd)
	}
}
