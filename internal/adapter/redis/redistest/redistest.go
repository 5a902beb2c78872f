// Package redistest gives tests a Redis of their own, from the installed binary,
// on a loopback port that nobody else uses. Tests only.
package redistest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/adapter/redis"
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
	port := freePort(t)
	command := exec.Command(binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	made := &Server{URL: "redis://127.0.0.1:" + strconv.Itoa(port), stop: func() {
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

// freePort draws one that no outgoing connection is given, as those from 32768 on
// are: between here and the server's start nobody takes it.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 12_000 + rand.IntN(8_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil && listener.Close() == nil {
			return port
		}
	}
	t.Fatal("no free port between 12000 and 20000 on 127.0.0.1 in 200 draws")
	return 0
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
