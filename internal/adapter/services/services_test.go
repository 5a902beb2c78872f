package services_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/services"
)

// serve answers with what it was sent.
func serve(t *testing.T) (plain, secure *httptest.Server) {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/elsewhere":
			http.Redirect(w, r, "/secret", http.StatusFound)
			return
		case "/v1/text":
			_, _ = io.WriteString(w, "hello")
			return
		case "/v1/long":
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", 3<<20)+`"`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"method": r.Method, "body": string(body), "header": r.Header.Get("X-A"), "authorization": r.Header.Get("Authorization"), "number": 7,
		})
	})
	plain, secure = httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	return plain, secure
}

func TestDo(t *testing.T) {
	t.Parallel()
	plain, secure := serve(t)
	asked, err := services.New([]string{plain.URL + "/v1", secure.URL})
	if err != nil {
		t.Fatal(err)
	}
	answer, status, err := asked.Do(t.Context(), "POST", plain.URL+"/v1/owners?team=a", map[string]string{"x-a": "b"}, map[string]any{"k": 1}, "")
	got, _ := answer.(map[string]any)
	if err != nil || status != http.StatusCreated || got["method"] != "POST" || got["body"] != `{"k":1}` || got["header"] != "b" || got["authorization"] != "" || got["number"] != int64(7) {
		t.Errorf("%v %d %v", answer, status, err)
	}
	if answer, status, err := asked.Do(t.Context(), "GET", plain.URL+"/v1/text", nil, nil, ""); err != nil || answer != nil || status != http.StatusOK {
		t.Errorf("what is no JSON is %v %d %v", answer, status, err)
	}
	if _, status, err := asked.Do(t.Context(), "GET", plain.URL+"/v1/elsewhere", nil, nil, ""); err != nil || status != http.StatusFound {
		t.Errorf("a redirect is %d %v, want not followed", status, err)
	}
	bundle := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	if _, status, err := asked.Do(t.Context(), "GET", secure.URL, nil, nil, bundle); err != nil || status != http.StatusCreated {
		t.Errorf("with its authority: %d %v", status, err)
	}
}

func TestDoRefuses(t *testing.T) {
	t.Parallel()
	plain, secure := serve(t)
	asked, err := services.New([]string{plain.URL + "/v1", secure.URL, "https://api.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, reason, url, bundle, want string }{
		{"path", "only what is below the path", plain.URL + "/secret", "", "may not ask"},
		{"longer", "a longer name is another one", plain.URL + "/v12", "", "may not ask"},
		{"up", "a path may not go up", plain.URL + "/v1/../secret", "", "may not ask"},
		{"hidden", "nor may it hide that it does", plain.URL + "/v1/%2e%2e/secret", "", "may not ask"},
		{"scheme", "another scheme is another service", strings.Replace(secure.URL, "https", "http", 1), "", "may not ask"},
		{"port", "so is another port", "https://api.example:8443/", "", "may not ask"},
		{"user", "a user is no part of it", strings.Replace(plain.URL, "//", "//a:b@", 1) + "/v1", "", "may not ask"},
		{"metadata", "the cloud's metadata are not for policies", "http://169.254.169.254/latest/meta-data", "", "may not ask"},
		{"authority", "certificates are checked", secure.URL, "", "certificate"},
		{"bundle", "a bundle has certificates", secure.URL, "x", "holds none"},
		{"long", "answers are bounded", plain.URL + "/v1/long", "", "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := asked.Do(t.Context(), "GET", test.url, nil, nil, test.bundle); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.reason, err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	if none, err := services.New(nil); none != nil || err != nil {
		t.Errorf("nothing allowed is %v %v", none, err)
	}
	for _, url := range []string{"api.example", "ftp://api.example", "https://", "https://a:b@api.example", "https://api.example?x", "https://api.example/\x00"} {
		if _, err := services.New([]string{url}); err == nil {
			t.Errorf("%q is a service", url)
		}
	}
}
