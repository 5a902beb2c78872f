package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Cluster has the keys of the cluster's own issuer.
type Cluster interface {
	// Keys returns the name of the issuer, as tokens have it, and its JSON Web Key
	// Set. It MUST return when the context ends.
	Keys(ctx context.Context) (issuer string, set []byte, err error)
}

// patience is how long an issuer may take to answer.
const patience = 5 * time.Second

// found is what an issuer publishes.
type found struct {
	issuer string // empty where the policy says it
	keys   *keys
}

// fetcher gets what an issuer publishes.
type fetcher func(ctx context.Context) (found, error)

// inline never changes and is always there.
func inline(set []byte) fetcher {
	return func(context.Context) (found, error) {
		parsed, err := parseKeys(set)
		return found{keys: parsed}, err
	}
}

func ofCluster(cluster Cluster) fetcher {
	return func(ctx context.Context) (found, error) {
		if cluster == nil {
			return found{}, errors.New("no cluster's keys are known: start the gateway with access to a cluster")
		}
		issuer, set, err := cluster.Keys(ctx)
		if err != nil {
			return found{}, fmt.Errorf("fetching the cluster's keys: %w", err)
		}
		parsed, err := parseKeys(set)
		return found{issuer: issuer, keys: parsed}, err
	}
}

// remote fetches from where the keys are, or where the issuer's discovery
// document says that they are.
func remote(issuer, at string, bundle []byte) fetcher {
	client, err := clientOf(bundle)
	return func(ctx context.Context) (found, error) {
		if err != nil {
			return found{}, err
		}
		where := at
		if where == "" {
			discovered, err := discover(ctx, client, issuer)
			if err != nil {
				return found{}, err
			}
			where = discovered
		}
		set, err := get(ctx, client, where)
		if err != nil {
			return found{}, err
		}
		parsed, err := parseKeys(set)
		return found{keys: parsed}, err
	}
}

func clientOf(bundle []byte) (*http.Client, error) {
	var roots *x509.CertPool
	if len(bundle) > 0 {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(bundle) {
			return nil, errors.New("the issuer's caBundle has no certificate in PEM")
		}
	}
	return &http.Client{
		Timeout: patience,
		// Issuers are asked once in minutes: a connection is not worth keeping.
		Transport: &http.Transport{
			DisableKeepAlives: true, TLSHandshakeTimeout: patience, MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) >= 3 {
				return errors.New("the issuer redirects too often")
			}
			return trustworthy(to.URL)
		},
	}, nil
}

// discover reads the issuer's OpenID Connect discovery document.
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	text, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return "", fmt.Errorf("the discovery document of %q is no JSON: %w", issuer, err)
	}
	if document.Issuer != issuer {
		return "", fmt.Errorf("the discovery document of %q is that of %q", issuer, document.Issuer)
	}
	if document.Keys == "" {
		return "", fmt.Errorf("the discovery document of %q has no jwks_uri", issuer)
	}
	return document.Keys, nil
}

func get(ctx context.Context, client *http.Client, where string) ([]byte, error) {
	parsed, err := url.Parse(where)
	if err != nil {
		return nil, fmt.Errorf("the address of an issuer: %w", err)
	}
	if err := trustworthy(parsed); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %q: %w", where, err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %q: %w", where, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %q: it answers %s", where, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostKeyText+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %q: %w", where, err)
	}
	if len(text) > mostKeyText {
		return nil, fmt.Errorf("the answer of %q is longer than %d bytes", where, mostKeyText)
	}
	return text, nil
}

// trustworthy refuses addresses from which anyone on the way could slip us keys.
func trustworthy(where *url.URL) error {
	host := where.Hostname()
	address, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && address.IsLoopback()
	if where.Scheme == "https" || where.Scheme == "http" && local {
		return nil
	}
	return fmt.Errorf("keys are fetched over https only, not from %q", where.Redacted())
}
