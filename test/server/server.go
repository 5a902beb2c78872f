// Package server runs Roadbed's server as a process of its own, so that a
// benchmark can weigh it and a test can kill it with -9. The process is the
// caller's own executable, started a second time: it runs app.Run, as
// `roadbed server` does, and nothing of the caller.
//
// A program that uses it calls Main first thing in main or TestMain. The
// process ends with the one that started it, however that ends. Only programs
// under test/ import this package.
package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/app"
)

// argument is the only argument of a process that is to be a server.
const argument = "roadbed-server-under-test"

// order is what a server is told, as the first line of its standard input.
type order struct {
	Host                string
	CA, Cert, Key       []byte
	TrailPath, ExportTo string
	Uncompressed        bool
	Profile             bool
	Lease               time.Duration
	Gates               map[string]bool
	Gateway             netip.Addr
}

// greeting is what a server says once it is ready, as a line on its standard output.
type greeting struct {
	app.Endpoints
	// Profile is the address of its profiles; empty when it was not asked to.
	Profile string
}

// Process is a server that was started.
type Process struct {
	command *exec.Cmd
	stdin   io.Closer
	logPath string

	ready  chan greeting // takes one value at most
	exited chan struct{} // closed when the process is gone
	err    error         // how it ended; set before exited is closed
	end    sync.Once
}

// Config says how a server is started. Cluster and Dir are required.
type Config struct {
	// Cluster is how the server reaches the API server: by client certificate in the
	// configuration itself, or in plain text on this machine.
	Cluster *rest.Config
	// Dir takes the server's log, trail and exports; what is there is appended to.
	Dir string
	// Profile makes it serve pprof on a loopback port.
	Profile bool
	// Lease lets it run beside others of which one works: it is how long they
	// wait for that one when it is not heard of. 0 runs it alone.
	Lease time.Duration
	// Gates are the feature gates that it is started with.
	Gates map[string]bool
	// Gateway is the address that Gateways listen on, of each of several servers
	// another. Default 127.0.0.1.
	Gateway netip.Addr
}

// Start starts a server and does not wait until it is ready.
func Start(config Config) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable to start as a server: %w", err)
	}
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the server's directory: %w", err)
	}
	p := &Process{
		command: exec.Command(self, argument),
		logPath: filepath.Join(config.Dir, "server.log"),
		ready:   make(chan greeting, 1),
		exited:  make(chan struct{}),
	}
	if err := p.start(config); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Process) start(config Config) error {
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = log.Close() }() // The process has its own copy.
	p.command.Stderr = log
	stdin, err := p.command.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	p.stdin = stdin
	go p.watch(stdout)
	if err := json.NewEncoder(stdin).Encode(orderOf(config)); err != nil {
		p.Kill()
		return fmt.Errorf("tell the server what to do: %w", err)
	}
	return nil
}

func orderOf(config Config) order {
	return order{
		Host: config.Cluster.Host, Uncompressed: config.Cluster.DisableCompression,
		CA: config.Cluster.CAData, Cert: config.Cluster.CertData, Key: config.Cluster.KeyData,
		TrailPath: filepath.Join(config.Dir, "trail.jsonl"),
		ExportTo:  filepath.Join(config.Dir, "exports"),
		Profile:   config.Profile,
		Lease:     config.Lease,
		Gates:     config.Gates,
		Gateway:   config.Gateway,
	}
}

// watch passes the greeting on and waits for the end. It ends with the process.
func (p *Process) watch(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadBytes('\n'); err == nil {
		var hello greeting
		if json.Unmarshal(line, &hello) == nil {
			p.ready <- hello
		}
	}
	_, _ = io.Copy(io.Discard, lines)
	p.err = p.command.Wait()
	close(p.exited)
}

// Ready waits until the server is ready and returns where it serves. It is
// called once.
func (p *Process) Ready(ctx context.Context) (Addresses, error) {
	select {
	case hello := <-p.ready:
		return Addresses(hello), nil
	case <-p.exited:
		return Addresses{}, fmt.Errorf("the server ended before it was ready (%w); see %s", errors.Join(p.err, io.ErrUnexpectedEOF), p.logPath)
	case <-ctx.Done():
		return Addresses{}, fmt.Errorf("wait for the server: %w; see %s", context.Cause(ctx), p.logPath)
	}
}

// Addresses are where a server serves, as host:port.
type Addresses greeting

// Exited is closed when the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// PID is the process's number.
func (p *Process) PID() int { return p.command.Process.Pid }

// Kill ends the process with -9 and waits until it is gone. It may be called
// any number of times.
func (p *Process) Kill() {
	p.end.Do(func() {
		_ = p.command.Process.Kill() // It may be gone already.
		_ = p.stdin.Close()
	})
	<-p.exited
}
