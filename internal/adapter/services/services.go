// Package services asks services over HTTP for policies.
//
// What always holds:
//   - Only URLs that begin with one of the given are asked: scheme, host and port
//     are equal, and the path is theirs or below it. Redirects are not followed.
//   - No credentials of ours are sent, and no proxy is asked.
//   - An answer is waited for, and read, within bounds.
package services

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

const (
	// patience is how long an answer is waited for, unless the context ends earlier:
	// an API server waits for five seconds for the policies.
	patience = 3 * time.Second
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 2 << 20
)

// Services asks the services that the operator allowed. It is safe for concurrent
// use.
type Services struct {
	allowed []*url.URL
	client  *http.Client
}

// New allows the URLs and what is below them, such as https://owners.corp.example/v1.
// It is nil, which asks nobody, without any.
func New(allowed []string) (*Services, error) {
	if len(allowed) == 0 {
		return nil, nil
	}
	s := &Services{client: clientOf(nil)}
	for _, text := range allowed {
		parsed, err := url.Parse(text)
		if err == nil && (parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "") {
			err = errors.New("a service is https://HOST or https://HOST/PATH")
		}
		if err != nil {
			return nil, fmt.Errorf("service %q that policies may ask: %w", text, err)
		}
		s.allowed = append(s.allowed, parsed)
	}
	return s, nil
}

func clientOf(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
}

// Do sends a request with a JSON body, if it is not nil, and returns the decoded
// JSON of the answer, nil when it is no JSON, and the status. The bundle is PEM
// of whom to trust in place of the system's authorities; empty for those.
func (s *Services) Do(ctx context.Context, method, address string, headers map[string]string, body any, bundle string) (any, int, error) {
	request, err := s.request(ctx, method, address, headers, body)
	if err != nil {
		return nil, 0, err
	}
	client := s.client
	if bundle != "" {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(bundle)) {
			return nil, 0, errors.New("the bundle of certificates holds none")
		}
		client = clientOf(roots)
		defer client.CloseIdleConnections()
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read the answer: %w", err)
	}
	if len(read) > maxAnswer {
		return nil, 0, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	var decoded any
	if utiljson.Unmarshal(read, &decoded) != nil {
		decoded = nil
	}
	return decoded, response.StatusCode, nil
}

func (s *Services) request(ctx context.Context, method, address string, headers map[string]string, body any) (*http.Request, error) {
	asked, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if !s.allows(asked) {
		return nil, fmt.Errorf("policies may not ask %s://%s%s; an administrator allows services by the server's flag --policy-services", asked.Scheme, asked.Host, asked.EscapedPath())
	}
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode what is sent: %w", err)
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, cmp.Or(method, http.MethodGet), asked.String(), sent)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	return request, nil
}

// allows tells whether the URL is one of the allowed, or below one. A path that
// goes up is none: servers do not agree on what it names.
func (s *Services) allows(asked *url.URL) bool {
	if asked.User != nil || asked.Path != "" && path.Clean(asked.Path) != strings.TrimSuffix(asked.Path, "/") && asked.Path != "/" {
		return false
	}
	for _, allowed := range s.allowed {
		if asked.Scheme == allowed.Scheme && hostOf(asked) == hostOf(allowed) && below(asked.EscapedPath(), allowed.EscapedPath()) {
			return true
		}
	}
	return false
}

// hostOf is host and port, which a scheme implies.
func hostOf(u *url.URL) string {
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")) + ":" + port
}

func below(asked, allowed string) bool {
	allowed = strings.TrimSuffix(allowed, "/")
	rest, ok := strings.CutPrefix(asked, allowed)
	return ok && (rest == "" || rest[0] == '/')
}
