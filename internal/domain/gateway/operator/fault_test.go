package operator

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// stuck is a sink that cannot serve until it is freed.
type stuck struct {
	why   error
	count int
}

func (s *stuck) Apply(*gateway.Config) error {
	s.count++
	return s.why
}

// TestWhatCannotBeServedIsSaidOnce: a port that is taken is said once, though it is
// tried again and again, and that it is free again too.
func TestWhatCannotBeServedIsSaidOnce(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	sink := &stuck{why: errors.New("port 8080 is taken")}
	f := &Feed{sink: sink, log: slog.New(slog.NewTextHandler(&said, nil))}
	for range 3 {
		f.apply(t.Context(), &gateway.Config{})
	}
	if sink.why = nil; f.fault == "" {
		t.Error("the fault is forgotten before it is mended")
	}
	f.apply(t.Context(), &gateway.Config{})
	if f.fault != "" || sink.count != 4 {
		t.Errorf("fault %q after %d attempts", f.fault, sink.count)
	}
	if lines := strings.Count(said.String(), "\n"); lines != 2 || !strings.Contains(said.String(), "taken") || !strings.Contains(said.String(), "served again") {
		t.Errorf("said:\n%s", said.String())
	}
}
