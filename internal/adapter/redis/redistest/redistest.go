// Package redistest gives tests a Redis of their own, from the installed binary,
// on a loopback port that nobody else uses. Tests only.
package redistest

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/adapter/redis"
	"github.com/roadbed-dev/roadbed/internal/kernel/freeport"
)

// Server is a Redis that ends with the test.
type Server struct {
	// URL is where it is.
	URL  string
	stop func()
}

// Stop ends the server before the test does.
func (s *Server) Stop() { s.stop() }

// Start starts a server. Where no binary of Redis is installed the test is
// skipped; make test installs it.
func Start(t testing.TB) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("Redis is not installed")
	}
	at := freeport.Draw(t)
	command := exec.Command(binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(int(at.Port())), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	made := &Server{URL: "redis://" + at.String(), stop: func() {
		if !stopped {
			stopped = true
			_ = command.Process.Kill() // it has ended by itself; Wait says so
			_ = command.Wait()
		}
	}}
	t.Cleanup(made.stop)
	await(t, made.URL, &said)
	return made
}

// await returns when the server answers.
func await(t testing.TB, url string, said *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		limits, err := redis.Open(url)
		if err != nil {
			t.Fatal(err)
		}
		err = limits.Ping(ctx)
		_ = limits.Close()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Redis does not answer: %v\n%s", err, said)
		case <-tick.C:
		}
	}
}
