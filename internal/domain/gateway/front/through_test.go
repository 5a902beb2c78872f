package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// pass is the least of a proxy: this front, the leg to backends, nothing between.
func pass(t testing.TB, backend string) handlerFunc {
	t.Helper()
	transport := upstream.New(upstream.Options{})
	t.Cleanup(transport.Close)
	to := &gateway.Backend{
		ID: "shop/orders:80", Protocol: gateway.HTTP1,
		Endpoints: []gateway.Endpoint{{Address: netip.MustParseAddrPort(backend)}},
	}
	return func(ctx context.Context, w exchange.Responder, req *http1.Request) {
		req.Header.DelHopByHop()
		res := new(http1.Response)
		if err := transport.RoundTrip(ctx, to, to.Endpoints[0], req, res); err != nil {
			if !errors.Is(err, upstream.ErrReused) || req.Body != nil ||
				transport.RoundTrip(ctx, to, to.Endpoints[0], req, res) != nil {
				t.Errorf("%s %s: %v", req.Method, req.Path, err)
				say(w, http.StatusBadGateway, "")
				return
			}
		}
		if _, err := w.Respond(res); err != nil {
			t.Errorf("%s %s: %v", req.Method, req.Path, err)
		}
		if res.Body != nil {
			_ = res.Body.Close()
		}
	}
}

// TestThrough sends messages of all sizes and framings through both legs, many at
// a time, and holds every byte to what was sent.
func TestThrough(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Method", r.Method)
		if r.URL.Query().Get("framing") == "sized" {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		for pieces := r.URL.Query().Get("pieces") != ""; pieces && len(body) > 1; {
			half := len(body) / 2
			_, _ = w.Write(body[:half])
			w.(http.Flusher).Flush()
			body = body[half:]
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(backend.Close)
	_, address := start(t, pass(t, backend.Listener.Addr().String()), nil, Options{})
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	var clients sync.WaitGroup
	for seed := range uint64(24) {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 15 {
				oneThrough(t, client, "http://"+address, random)
			}
		})
	}
	clients.Wait()
}

func oneThrough(t *testing.T, client *http.Client, to string, random *rand.Rand) {
	t.Helper()
	sizes := []int{0, 1, 100, 4000, 4096, 16 << 10, 33 << 10, 300 << 10}
	sent := make([]byte, sizes[random.IntN(len(sizes))]+random.IntN(3))
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	var body io.Reader = bytes.NewReader(sent)
	if random.IntN(2) == 0 {
		body = struct{ io.Reader }{body} // its length is not known: chunked
	}
	method := []string{http.MethodPost, http.MethodPut, "PURGE"}[random.IntN(3)]
	framing := []string{"", "framing=sized", "pieces=1"}[random.IntN(3)]
	req, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("%s/x?%s", to, framing), body)
	if err != nil {
		t.Error(err)
		return
	}
	res, err := client.Do(req)
	if err != nil {
		t.Errorf("%s %d bytes %s: %v", method, len(sent), framing, err)
		return
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Equal(got, sent) || res.Header.Get("X-Method") != method {
		t.Errorf("%s %d bytes %s: %d, %d bytes, %v", method, len(sent), framing, res.StatusCode, len(got), err)
	}
}
