package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
)

// Times of supervision.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
	healthyAfter = time.Minute
	// startLimit is how long a server may take to answer.
	startLimit = time.Minute
	// stopGrace is how long a server may take to end.
	stopGrace = 20 * time.Second
	// wakeLimit is how long URL waits for a server that starts.
	wakeLimit  = 20 * time.Second
	probeEvery = 50 * time.Millisecond
)

// admin is the role that Roadbed administers the server with.
const admin = "roadbed"

// Server is a PostgreSQL server in a folder of Roadbed's. It is safe for
// concurrent use; Run owns its process.
type Server struct {
	dir   string
	clock clock.WithTicker
	log   *slog.Logger

	wake     chan struct{} // closed when the server is first needed
	wakeOnce sync.Once

	mu      sync.Mutex    // guards what follows
	url     string        // empty while the server does not answer
	fault   error         // why it does not, nil while nobody knows
	changed chan struct{} // closed and replaced at every change
}

var _ postgres.Source = (*Server)(nil)

// New returns a server in the folder, which is made when it is first needed.
func New(dir string, clk clock.WithTicker, log *slog.Logger) *Server {
	return &Server{dir: dir, clock: clk, log: log, wake: make(chan struct{}), changed: make(chan struct{})}
}

// Available says whether the server answers already, and with an error that it
// cannot be run and what to do.
func (s *Server) Available(context.Context) (awake bool, err error) {
	url, _, fault := s.state()
	if url != "" || fault != nil {
		return url != "", fault
	}
	_, err = postgres.Find("initdb", 0)
	return false, err
}

// URL is the administrator's. It starts the server when it does not run yet, and
// waits for it a while.
func (s *Server) URL(ctx context.Context) (string, error) {
	s.wakeOnce.Do(func() { close(s.wake) })
	limit := s.clock.NewTimer(wakeLimit)
	defer limit.Stop()
	for {
		url, changed, fault := s.state()
		if url != "" || fault != nil {
			return url, fault
		}
		select {
		case <-changed:
		case <-limit.C():
			return "", errors.New("the PostgreSQL server is starting")
		case <-ctx.Done():
			return "", fmt.Errorf("the PostgreSQL server is starting: %w", ctx.Err())
		}
	}
}

func (s *Server) state() (url string, changed <-chan struct{}, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url, s.changed, s.fault
}

func (s *Server) set(url string, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url, s.fault = url, fault
	close(s.changed)
	s.changed = make(chan struct{})
}

// Run keeps the server running from when it is first needed until ctx ends, and
// returns when its process has ended. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	if !exists(s.data()) {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
	}
	pause := firstPause
	for ctx.Err() == nil {
		began := s.clock.Now()
		err := s.runOnce(ctx)
		if ctx.Err() != nil {
			return err
		}
		if s.clock.Since(began) >= healthyAfter {
			pause = firstPause
		}
		s.set("", fmt.Errorf("the PostgreSQL server does not run: %w", err))
		s.log.Warn("PostgreSQL ended and is started again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-s.clock.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
	return nil
}

// runOnce makes what is missing, starts the server and returns how it ended. It
// is nil when ctx ended it.
func (s *Server) runOnce(ctx context.Context) error {
	owner, err := unprivileged()
	if err != nil {
		return err
	}
	place, err := s.prepare(ctx, owner)
	if err != nil {
		return err
	}
	defer place.close()
	port, err := s.port()
	if err != nil {
		return err
	}
	running, err := s.start(place, owner, port)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres?sslmode=disable", admin, place.password, port)
	if err := s.open(ctx, url, running); err != nil {
		return errors.Join(err, running.stop(s.clock))
	}
	s.set(url, nil)
	s.log.Info("PostgreSQL runs", "port", port)
	select {
	case err := <-running.ended:
		return errors.Join(fmt.Errorf("it ended: %w", orZero(err)), running.lifeline.Close())
	case <-ctx.Done():
		s.set("", errors.New("the PostgreSQL server has been stopped"))
		return running.stop(s.clock)
	}
}

func orZero(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "server", "data") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// release is the major version that the data was made with, 0 before there is any.
func (s *Server) release() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the database cluster: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION is damaged: %w", s.data(), err)
	}
	return version, nil
}
