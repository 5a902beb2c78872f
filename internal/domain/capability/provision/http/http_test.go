package http_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	service "github.com/roadbed-dev/roadbed/internal/domain/capability/provision/http"
)

type tokens struct{}

func (tokens) Token(context.Context, string, string) (string, error) { return "t0ken", nil }

func input() provision.Input {
	claim := &unstructured.Unstructured{Object: map[string]any{}}
	claim.SetName("orders")
	claim.SetUID("u-1")
	return provision.Input{
		Claim: claim, Capability: "queue", Version: "v1", Revision: "queue-v1-a", Spec: map[string]any{"size": int64(3)},
		Tenant: provision.Tenant{Name: "payments", Namespace: "tenant-payments", DataClass: "internal"},
	}
}

// serve starts a service over TLS, and returns it as a provisioner.
func serve(t *testing.T, answer http.HandlerFunc) *service.Service {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	made, err := service.New(&v1alpha1.HTTPProvisioner{
		URL: server.URL + "/claims", TokenSecret: "queue", TimeoutSeconds: 5,
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}, []string{"user", "host"}, tokens{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func answering(status int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func TestWhatTheServiceIsTold(t *testing.T) {
	t.Parallel()
	var keys []string
	made := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		var got service.Request
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPut || r.URL.Path != "/claims/u-1" || r.Header.Get("Authorization") != "Bearer t0ken" ||
			got.UID != "u-1" || got.Tenant.Name != "payments" || got.Spec["size"] != 3.0 {
			t.Errorf("%s %s %v: %+v", r.Method, r.URL.Path, r.Header, got)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ready":true,"endpoint":"q:1","connection":{"host":"q"}}`))
	})
	for range 2 {
		out, err := made.Ensure(t.Context(), input(), nil)
		if err != nil || !out.Ready || out.Endpoint != "q:1" || string(out.Connection["host"]) != "q" {
			t.Errorf("got %+v, %v", out, err)
		}
	}
	if len(keys) != 2 || keys[0] != keys[1] || keys[0] == "" {
		t.Errorf("the same wish has the keys %q", keys)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		answer  http.HandlerFunc
		want    string // in the error; empty for none
		invalid bool
	}{
		{"it takes time", answering(202, "application/json", `{"message":"making it"}`), "", false},
		{"a refusal", answering(422, "application/problem+json", `{"title":"no","detail":"size is too\nbig"}`), "refuses the claim: size is too big", true},
		{"a refusal without words", answering(400, "text/html", "<html>"), "does not say why", true},
		{"a fault", answering(503, "text/plain", "later"), "answered 503", false},
		{"a redirect", answering(302, "text/plain", ""), "answered 302", false},
		{"what is no Response", answering(200, "application/json", `{"password":"secret"}`), "what is no Response", false},
		{"another type", answering(200, "text/html", `{}`), `answered "text/html"`, false},
		{"too much", answering(200, "application/json", strings.Repeat(" ", 2<<20)), "more than 1048576 bytes", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, err := serve(t, test.answer).Ensure(t.Context(), input(), nil)
			switch {
			case test.want == "" && (err != nil || out.Ready || out.Waiting != "making it"):
				t.Errorf("got %+v, %v", out, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, provision.ErrInvalid) != test.invalid):
				t.Errorf("got %v, want %q", err, test.want)
			case err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "t0ken")):
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	made := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client is gone
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := made.Ensure(ctx, input(), nil); err == nil || strings.Contains(err.Error(), "u-1") {
		t.Errorf("got %v", err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{204: true, 404: true, 202: false} {
		done, err := serve(t, answering(status, "application/json", "{}")).Delete(t.Context(), input(), provision.Snapshot)
		if err != nil || done != want {
			t.Errorf("%d: done %v, %v", status, done, err)
		}
	}
	if _, err := serve(t, answering(500, "text/plain", "")).Delete(t.Context(), input(), provision.Delete); err == nil {
		t.Error("a fault counts as deleted")
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	silent, err := serve(t, answering(404, "text/plain", "")).Plan(t.Context(), input())
	if err != nil || len(silent.External) != 1 || silent.ConnectionKeys[0] != "host" {
		t.Errorf("got %+v, %v", silent, err)
	}
	told, err := serve(t, answering(200, "application/json", `{"external":[{"system":"q","kind":"queue","name":"orders"}]}`)).Plan(t.Context(), input())
	if err != nil || told.External[0].Name != "orders" {
		t.Errorf("got %+v, %v", told, err)
	}
}

func TestWrongSources(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]v1alpha1.HTTPProvisioner{
		"token in the clear":   {URL: "http://queue.example", TokenSecret: "x"},
		"no certificate":       {URL: "https://queue.example", CABundle: []byte("x")},
		"password in the URL":  {URL: "https://a:b@queue.example"},
		"nowhere":              {URL: "https://"},
		"a URL with questions": {URL: "https://queue.example/?a=b"},
	} {
		if _, err := service.New(&source, nil, tokens{}); !errors.Is(err, provision.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzAnswer wants no answer to break the client, or to be shown at length.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"ready":true}`)
	f.Add(422, "application/problem+json", `{"detail":"no"}`)
	f.Add(500, "", "")
	f.Fuzz(func(t *testing.T, status int, kind, text string) {
		if status < 200 || status > 599 || strings.ContainsAny(kind, "\r\n\x00") {
			t.Skip()
		}
		_, err := serve(t, answering(status, kind, text)).Ensure(t.Context(), input(), nil)
		if err != nil && len(err.Error()) > 8192 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
