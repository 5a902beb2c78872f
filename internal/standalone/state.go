package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
	"github.com/roadbed-dev/roadbed/internal/standalone/wal"
)

// stateVersion is the version of state.json that this program writes.
const stateVersion = 1

// Ports are chosen here: below what systems hand out for outgoing connections
// (32768 on Linux, 49152 on macOS) and below NodePorts, so that a remembered
// port is seldom taken by chance.
const (
	firstPort = 20000
	lastPort  = 29999
)

// state is what a data directory remembers from one start to the next.
type state struct {
	// Version is the format of the file.
	Version int `json:"version"`
	// Initialised says that etcd has once been ready: from then on missing
	// files are damage.
	Initialised bool `json:"initialised"`
	// LastEntry is the number of the last entry in etcd's write-ahead log when
	// etcd last ended because it was asked to; 0 when it never did.
	LastEntry uint64 `json:"lastEntry,omitempty"`
	// Ports are the chosen ports by listener.
	Ports map[string]int `json:"ports"`
}

// loadState reads state.json. A directory without one is new, unless etcd has a
// database in it: then only the ports are forgotten, and everything else that
// is missing is damage.
func loadState(l layout) (state, error) {
	content, err := os.ReadFile(l.state())
	if errors.Is(err, os.ErrNotExist) {
		_, err := os.Stat(l.database())
		return state{Version: stateVersion, Initialised: err == nil, Ports: map[string]int{}}, nil
	}
	if err != nil {
		return state{}, l.damaged(l.state(), err)
	}
	var s state
	if err := json.Unmarshal(content, &s); err != nil {
		return state{}, l.damaged(l.state(), err)
	}
	if s.Version != stateVersion {
		return state{}, l.damaged(l.state(), fmt.Errorf("format version %d, this program knows %d", s.Version, stateVersion))
	}
	if s.Ports == nil {
		s.Ports = map[string]int{}
	}
	return s, nil
}

func (s state) save(l layout) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return atomicfile.Write(l.state(), append(content, '\n'))
}

// movedPort is a remembered port that somebody else has taken.
type movedPort struct {
	listener string
	from, to int
}

// choosePorts gives every listener a free port, the remembered one if it is
// free, and returns those that had to move.
func (s state) choosePorts(listeners []string) ([]movedPort, error) {
	var moved []movedPort
	for _, listener := range listeners {
		remembered, known := s.Ports[listener]
		if known && portFree(remembered) {
			continue
		}
		chosen, err := s.freePort()
		if err != nil {
			return nil, fmt.Errorf("choose a port for %s: %w", listener, err)
		}
		s.Ports[listener] = chosen
		if known {
			moved = append(moved, movedPort{listener, remembered, chosen})
		}
	}
	return moved, nil
}

// freePort draws until a port is free and not promised to another listener.
func (s state) freePort() (int, error) {
	const draws = 200
	for range draws {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !s.promised(port) && portFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d on 127.0.0.1 in %d draws", firstPort, lastPort, draws)
}

func (s state) promised(port int) bool {
	for _, taken := range s.Ports {
		if taken == port {
			return true
		}
	}
	return false
}

func portFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// checkEtcd finds etcd files that must be there because etcd was initialised.
func checkEtcd(l layout, s state) error {
	if !s.Initialised {
		return nil
	}
	for _, file := range []string{l.writeAheadLog(), l.database()} {
		if _, err := os.Stat(file); err != nil {
			return l.damaged(file, errors.Unwrap(err))
		}
	}
	if file, err := wal.Check(l.writeAheadLog(), s.LastEntry); err != nil {
		return l.damaged(file, err)
	}
	return nil
}

// remember puts down how far etcd's write-ahead log goes, now that etcd has
// ended in peace.
func (s *state) remember(l layout) error {
	_, last, err := wal.Last(l.writeAheadLog())
	if err != nil || last <= s.LastEntry {
		return err
	}
	s.LastEntry = last
	return s.save(l)
}
