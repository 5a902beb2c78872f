package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// PullSecret is a keychain of what a pull secret of Kubernetes holds: a Docker
// configuration, as its key .dockerconfigjson has it, or what is below "auths" in
// one, as the older .dockercfg has it.
func PullSecret(data map[string][]byte) (authn.Keychain, error) {
	var logins map[string]login
	var err error
	switch {
	case data[".dockerconfigjson"] != nil:
		var config struct {
			Auths map[string]login `json:"auths"`
		}
		err = json.Unmarshal(data[".dockerconfigjson"], &config)
		logins = config.Auths
	case data[".dockercfg"] != nil:
		err = json.Unmarshal(data[".dockercfg"], &logins)
	default:
		return nil, errors.New("it is no pull secret: it has neither .dockerconfigjson nor .dockercfg")
	}
	if err != nil {
		// The error of the decoder may quote what is secret.
		return nil, errors.New("its Docker configuration is no JSON of the usual shape")
	}
	made := pullSecret{}
	for place, one := range logins {
		config, err := one.config()
		if err != nil {
			return nil, fmt.Errorf("its login for %s: %w", place, err)
		}
		made[placeOf(place)] = config
	}
	return made, nil
}

// login is one entry of a Docker configuration.
type login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

func (l login) config() (authn.AuthConfig, error) {
	made := authn.AuthConfig{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken, RegistryToken: l.RegistryToken}
	if l.Auth == "" {
		return made, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(l.Auth)
	if err != nil {
		return made, errors.New("auth is no base64")
	}
	user, password, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return made, errors.New("auth is not USER:PASSWORD")
	}
	made.Username, made.Password = user, strings.TrimRight(password, "\x00")
	return made, nil
}

// pullSecret are logins by place: HOST, or HOST/PATH.
type pullSecret map[string]authn.AuthConfig

// Resolve finds the login whose place is the longest that holds the repository.
func (p pullSecret) Resolve(resource authn.Resource) (authn.Authenticator, error) {
	host, below, _ := strings.Cut(resource.String(), "/")
	best, found := "", authn.Anonymous
	for place, config := range p {
		placeHost, placePath, _ := strings.Cut(place, "/")
		matches, err := path.Match(placeHost, canonicalHost(host))
		if err != nil || !matches || placePath != "" && below != placePath && !strings.HasPrefix(below, placePath+"/") {
			continue
		}
		if found == authn.Anonymous || len(place) > len(best) {
			best, found = place, authn.FromConfig(config)
		}
	}
	return found, nil
}

// placeOf writes the ways to name a registry as one: https://index.docker.io/v1/
// is docker.io.
func placeOf(place string) string {
	_, rest, schemed := strings.Cut(place, "://")
	if !schemed {
		rest = place
	}
	rest = strings.TrimSuffix(rest, "/")
	for _, version := range []string{"/v1", "/v2"} {
		rest = strings.TrimSuffix(rest, version)
	}
	host, below, hasPath := strings.Cut(rest, "/")
	if !hasPath {
		return canonicalHost(host)
	}
	return canonicalHost(host) + "/" + below
}

func canonicalHost(host string) string {
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}
