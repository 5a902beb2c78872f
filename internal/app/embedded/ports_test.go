package embedded

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestPortsOfGateways: a second platform takes other ports than the first, and both
// keep theirs.
func TestPortsOfGateways(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	const named = 617 // what becomes of it is nobody's usual port
	first := newPorts(dir, log)
	port := first.of(named)
	if port == 0 || first.of(named) != port || first.of(8080) != 8080 || first.of(65535) != 65535 {
		t.Fatalf("it is %d and then %d, 8080 is %d", port, first.of(named), first.of(8080))
	}
	if again := newPorts(dir, log).of(named); again != port {
		t.Errorf("it was %d and is %d after the next start", port, again)
	}

	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // nothing was sent
	moved := newPorts(dir, log).of(named)
	if moved == port || moved < firstPort && moved != named+unprivileged {
		t.Errorf("it is %d, which is taken, or out of range", moved)
	}
	if again := newPorts(dir, log).of(named); again != moved {
		t.Errorf("it moved to %d and is %d after the next start", moved, again)
	}
	if other := newPorts(t.TempDir(), log).of(named); other == port {
		t.Errorf("another platform takes %d too", other)
	}
}

// TestPortsAreForgotten: a file that nobody can read keeps no platform from starting.
func TestPortsAreForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, content := range []string{"{", "null", `{"80": 70000}`} {
		if err := os.WriteFile(filepath.Join(dir, portsFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if port := newPorts(dir, slog.New(slog.DiscardHandler)).of(443); port == 0 {
			t.Errorf("%s: there is no port", content)
		}
	}
}
