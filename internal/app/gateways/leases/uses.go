package leases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/ledger"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

const (
	// mostUses bounds what is told at once, in bytes: a ledger that is full has less.
	mostUses = 128 << 20
	// tellLimit is how long the leader may take to keep uses.
	tellLimit = 10 * time.Second
)

// keeper keeps what other processes tell, all of it or none.
type keeper struct {
	sink ledger.Sink
	log  *slog.Logger
}

// ServeHTTP answers 204 when the uses are kept, else 400 or 503.
func (k keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var uses []ledger.Use
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostUses)).Decode(&uses); err != nil {
		problem.Write(w, problem.New(http.StatusBadRequest, "What is told is no JSON of uses."))
		return
	}
	if err := k.sink.Add(r.Context(), uses); err != nil {
		k.log.WarnContext(r.Context(), "uses of APIs that another process counted are not written yet", "error", err)
		problem.Write(w, problem.New(http.StatusServiceUnavailable, "The uses cannot be kept now: tell them again."))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

var _ ledger.Sink = (*Process)(nil)

// Add tells the leader of uses. Where its answer is lost they are told twice, so
// that counts may be high after a fault and never low.
func (p *Process) Add(ctx context.Context, uses []ledger.Use) error {
	leader := p.Leader()
	if leader == "" {
		return errNoLeader
	}
	body, err := json.Marshal(uses)
	if err != nil {
		return fmt.Errorf("tell the leader of uses of APIs: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, leader+UsesPath, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("tell the leader of uses of APIs: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.Client().Do(request)
	if err != nil {
		return fmt.Errorf("tell the leader of uses of APIs: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10)) // so that the connection is used again
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("tell the leader of uses of APIs: it answers %s", response.Status)
	}
	return nil
}
