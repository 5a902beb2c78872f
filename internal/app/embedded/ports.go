package embedded

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
)

// portsFile remembers which ports Gateways have on this machine.
const portsFile = "gateway-ports.json"

// unprivileged is added to ports that only the administrator of a machine may open.
const unprivileged = 8000

// Other ports are drawn from here, below what systems hand out for connections.
const (
	firstPort = 20000
	lastPort  = 29999
	draws     = 200
)

// ports are those on which Gateways listen for the ports below 1024 that they name:
// 8000 more, such as 8080 for 80, and where somebody else has that one, such as
// another platform on this machine, a free one. A port is remembered for the next
// start. It is safe for concurrent use.
type ports struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	known  map[int32]uint16 // as remembered; guarded by mu
	chosen map[int32]uint16 // in this run; guarded by mu
}

// newPorts are those that a data directory remembers. A file that cannot be read is
// forgotten: ports are chosen anew then.
func newPorts(dataDir string, log *slog.Logger) *ports {
	p := &ports{path: filepath.Join(dataDir, portsFile), log: log, known: map[int32]uint16{}, chosen: map[int32]uint16{}}
	content, err := os.ReadFile(p.path)
	if err == nil {
		err = json.Unmarshal(content, &p.known)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Warn("the ports of gateways are forgotten", "path", p.path, "error", err)
	}
	if p.known == nil {
		p.known = map[int32]uint16{}
	}
	return p
}

// of is the port that is listened on for one that a Gateway names; always the same
// during a run.
func (p *ports) of(port int32) uint16 {
	if port <= 0 || port >= 1024 {
		return uint16(max(port, 0) & 0xffff)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if chosen, done := p.chosen[port]; done {
		return chosen
	}
	chosen := p.choose(port)
	p.chosen[port] = chosen
	if p.known[port] != chosen {
		p.known[port] = chosen
		p.remember()
	}
	return chosen
}

func (p *ports) choose(port int32) uint16 {
	usual := uint16(port + unprivileged)
	for _, candidate := range []uint16{p.known[port], usual} {
		if candidate != 0 && free(candidate) {
			return candidate
		}
	}
	for range draws {
		if candidate := uint16(firstPort + rand.IntN(lastPort-firstPort+1)); free(candidate) {
			p.log.Warn("a port of gateways is taken by another program", "port", usual, "instead", candidate)
			return candidate
		}
	}
	return usual // The gateway says that it is taken, and tries again.
}

func (p *ports) remember() {
	content, err := json.Marshal(p.known)
	if err == nil {
		err = atomicfile.Write(p.path, append(content, '\n'))
	}
	if err != nil {
		p.log.Warn("the ports of gateways cannot be remembered", "path", p.path, "error", err)
	}
}

func free(port uint16) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
