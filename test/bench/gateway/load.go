//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// load asks over a number of kept connections, each as soon as it has its answer.
type load struct {
	to          netip.AddrPort
	request     []byte
	connections int
	duration    time.Duration
}

// measured is what came of it.
type measured struct {
	Requests int
	Errors   int
	Seconds  float64
	P50, P99 time.Duration
	// FirstError says what went wrong first.
	FirstError string
}

// rate is in requests per second.
func (m measured) rate() float64 { return float64(m.Requests) / m.Seconds }

// client is one connection.
type client struct {
	fd    int
	asked time.Time
	got   []byte
	wants int // length of the answer, 0 while unknown
}

// generator is a load that runs.
type generator struct {
	*load
	poller    *poller
	clients   map[int]*client
	latencies []time.Duration
	measured
}

// run asks until the duration is over or the context ends.
func (l *load) run(ctx context.Context) (measured, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := newPoller()
	if err != nil {
		return measured{}, err
	}
	g := &generator{load: l, poller: p, clients: map[int]*client{}, latencies: make([]time.Duration, 0, 1<<20)}
	defer g.close()
	begun := time.Now()
	for range l.connections {
		if err := g.open(); err != nil {
			return measured{}, err
		}
	}
	var buf [64 << 10]byte
	for ctx.Err() == nil && time.Since(begun) < l.duration {
		events, err := p.wait(100)
		if err != nil {
			return measured{}, err
		}
		for i := range events {
			if err := g.read(g.clients[int(events[i].Fd)], buf[:]); err != nil {
				return measured{}, err
			}
		}
	}
	g.Seconds = time.Since(begun).Seconds()
	g.sum()
	return g.measured, nil
}

func (g *generator) close() {
	for fd := range g.clients {
		_ = unix.Close(fd)
	}
	g.poller.close()
}

func (g *generator) sum() {
	g.Requests = len(g.latencies)
	if g.Requests == 0 {
		return
	}
	slices.Sort(g.latencies)
	g.P50 = g.latencies[g.Requests/2]
	g.P99 = g.latencies[g.Requests*99/100]
}

// open adds a connection and asks.
func (g *generator) open() error {
	fd, err := connect(g.to)
	if err != nil {
		return err
	}
	if err := g.poller.add(fd); err != nil {
		return err
	}
	c := &client{fd: fd}
	g.clients[fd] = c
	return g.ask(c)
}

func (g *generator) ask(c *client) error {
	c.asked, c.got, c.wants = time.Now(), c.got[:0], 0
	if n, err := unix.Write(c.fd, g.request); err != nil || n < len(g.request) {
		return g.fail(c, fmt.Sprintf("writing a request: %d bytes, %v", n, err))
	}
	return nil
}

// fail counts an error and goes on with another connection.
func (g *generator) fail(c *client, why string) error {
	g.Errors++
	if g.FirstError == "" {
		g.FirstError = why
	}
	delete(g.clients, c.fd)
	_ = unix.Close(c.fd)
	if g.Errors > 100_000 {
		return fmt.Errorf("nothing but errors: %s", g.FirstError)
	}
	return g.open()
}

// read takes what came, and asks again where the answer is complete.
func (g *generator) read(c *client, buf []byte) error {
	n, err := unix.Read(c.fd, buf)
	if n <= 0 || err != nil {
		return g.fail(c, fmt.Sprintf("the connection ended: %d bytes, %v", n, err))
	}
	data := buf[:n]
	if len(c.got) > 0 {
		c.got = append(c.got, data...)
		data = c.got
	}
	if c.wants == 0 {
		if c.wants = lengthOf(data); c.wants < 0 {
			return g.fail(c, fmt.Sprintf("an answer without a length: %.300q", data))
		}
	}
	if c.wants == 0 || len(data) < c.wants {
		c.got = append(c.got[:0], data...)
		return nil
	}
	if !bytes.HasPrefix(data, []byte("HTTP/1.1 200 ")) {
		return g.fail(c, fmt.Sprintf("%.300q", data))
	}
	g.latencies = append(g.latencies, time.Since(c.asked))
	return g.ask(c)
}

// lengthOf is the length of an answer with its head, 0 where the head is not
// complete, and -1 where it does not say.
func lengthOf(data []byte) int {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	const field = "\r\nContent-Length: "
	at := bytes.Index(data[:end], []byte(field))
	if at < 0 {
		return -1
	}
	digits, _, _ := bytes.Cut(data[at+len(field):end+2], []byte("\r\n"))
	length, err := strconv.Atoi(string(digits))
	if err != nil {
		return -1
	}
	return end + len("\r\n\r\n") + length
}
