package registry_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	inprocess "github.com/google/go-containerregistry/pkg/registry"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
)

func auth(userAndPassword string) string {
	return base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

func TestPullSecret(t *testing.T) {
	t.Parallel()
	keychain, err := registry.PullSecret(map[string][]byte{".dockerconfigjson": []byte(`{"auths": {
		"https://index.docker.io/v1/": {"auth": "` + auth("hub:a:b") + `"},
		"registry.example": {"username": "all", "password": "x"},
		"registry.example/team": {"username": "team", "password": "x"},
		"*.cloud.example": {"identitytoken": "t"}
	}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, reason, repository, want string }{
		{"docker hub", "it has several names", "nginx", "hub:a:b"},
		{"registry", "of a registry", "registry.example/other", "all:x"},
		{"below", "the longer place counts", "registry.example/team/web", "team:x"},
		{"beside", "a longer name is another place", "registry.example/teams", "all:x"},
		{"wildcard", "a star is one part of a name", "eu.cloud.example/a", ":"},
		{"unknown", "nothing is known of it", "ghcr.io/a", ":"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			repository, err := name.NewRepository(test.repository)
			if err != nil {
				t.Fatal(err)
			}
			found, err := keychain.Resolve(repository)
			if err != nil {
				t.Fatal(err)
			}
			login, err := found.Authorization()
			if got := login.Username + ":" + login.Password; err != nil || got != test.want {
				t.Errorf("%s: %q %v, want %q", test.reason, got, err, test.want)
			}
			if wantToken := test.name == "wildcard"; (login.IdentityToken == "t") != wantToken {
				t.Errorf("the token is %q", login.IdentityToken)
			}
		})
	}
}

func TestPullSecretRefuses(t *testing.T) {
	t.Parallel()
	for want, data := range map[string]map[string][]byte{
		"it is no pull secret":   {"password": []byte("x")},
		"no JSON":                {".dockerconfigjson": []byte("hunter2")},
		"auth is no base64":      {".dockercfg": []byte(`{"a.example": {"auth": "hunter2!"}}`)},
		"auth is not USER:PASSW": {".dockercfg": []byte(`{"a.example": {"auth": "` + auth("hunter2") + `"}}`)},
	} {
		_, err := registry.PullSecret(data)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s and no secret", err, want)
		}
	}
}

// TestCredentialsAreUsed reads a registry that wants a login.
func TestCredentialsAreUsed(t *testing.T) {
	t.Parallel()
	open := inprocess.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "reader" || password != "s3cret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	keychain, err := registry.PullSecret(map[string][]byte{".dockercfg": []byte(`{"` + host + `": {"auth": "` + auth("reader:s3cret") + `"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, found, err := registry.New(registry.WithKeychain(keychain), registry.WithInsecure()).Manifest(t.Context(), host+"/a:1"); err != nil || found {
		t.Errorf("with the login: %v %v", found, err)
	}
	if _, _, _, err := registry.New(registry.WithKeychain(authn.DefaultKeychain)).Manifest(t.Context(), host+"/a:1"); err == nil {
		t.Error("without it the registry answers")
	}
}
