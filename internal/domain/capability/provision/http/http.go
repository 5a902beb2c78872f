package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Request is what the service is told of a claim.
type Request struct {
	// UID, Name and Namespace name the claim.
	UID       string `json:"uid"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Capability, Version and Revision say what it is a claim of.
	Capability string `json:"capability"`
	Version    string `json:"version"`
	Revision   string `json:"revision"`
	// Tenant is whose claim it is.
	Tenant Tenant `json:"tenant"`
	// Spec is what is wanted, in the version's schema.
	Spec map[string]any `json:"spec"`
	// DeletionPolicy is Retain, Snapshot or Delete; only in DELETE.
	DeletionPolicy string `json:"deletionPolicy,omitempty"`
}

// Tenant is whose claim it is.
type Tenant struct {
	Name         string `json:"name"`
	BusinessUnit string `json:"businessUnit"`
	Tier         string `json:"tier"`
	Environment  string `json:"environment,omitempty"`
	DataClass    string `json:"dataClass,omitempty"`
}

// Response is what the service answers.
type Response struct {
	// Ready says whether the claim can be used.
	Ready bool `json:"ready"`
	// Message is one sentence that says what is awaited while it is not.
	Message string `json:"message,omitempty"`
	// Endpoint is where it is reached.
	Endpoint string `json:"endpoint,omitempty"`
	// Connection goes into the claim's connection Secret.
	Connection map[string]string `json:"connection,omitempty"`
	// External is what PUT makes, in an answer to plan.
	External []provision.External `json:"external,omitempty"`
}

// Problem is a refusal, as in RFC 9457.
type Problem struct {
	Title  string `json:"title,omitempty"`
	Detail string `json:"detail,omitempty"`
}

const (
	// mostAnswer bounds an answer, in bytes.
	mostAnswer = 1 << 20
	// mostMessage bounds what of it is shown to people.
	mostMessage = 1024
	// defaultTimeout bounds a request of a provisioner that says nothing.
	defaultTimeout = 10 * time.Second
)

// Tokens reads the token that a service is called with.
type Tokens interface {
	// Token is the key "token" of a Secret in Roadbed's own namespace that is for
	// the capability. Its error says what is missing, and MUST NOT hold the token.
	Token(ctx context.Context, capability, secret string) (string, error)
}

// Service is a service of a capability's team.
type Service struct {
	address *url.URL
	secret  string
	tokens  Tokens
	client  *http.Client
	keys    []string
}

var _ provision.Builtin = (*Service)(nil)

// New returns the service. keys are those of the connection Secret, for plans.
func New(source *v1alpha1.HTTPProvisioner, keys []string, tokens Tokens) (*Service, error) {
	address, err := url.Parse(source.URL)
	if err != nil || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "" {
		return nil, fmt.Errorf("%w: provisioner.http.url: %q is no URL that paths can be added to", provision.ErrInvalid, source.URL)
	}
	if source.TokenSecret != "" && address.Scheme != "https" && !loopback(address.Hostname()) {
		return nil, fmt.Errorf("%w: provisioner.http.url: a token is sent over https only", provision.ErrInvalid)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(source.CABundle) > 0 {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(source.CABundle) {
			return nil, fmt.Errorf("%w: provisioner.http.caBundle: there is no certificate in it", provision.ErrInvalid)
		}
	}
	timeout := defaultTimeout
	if source.TimeoutSeconds > 0 {
		timeout = time.Duration(source.TimeoutSeconds) * time.Second
	}
	return &Service{
		address: address, secret: source.TokenSecret, tokens: tokens, keys: slices.Sorted(slices.Values(keys)),
		client: &http.Client{
			Timeout:       timeout,
			Transport:     &http.Transport{TLSClientConfig: trust, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Available is always so: whether the service answers, its first request tells.
func (*Service) Available(context.Context) error { return nil }

// Ensure asks the service to make the claim true.
func (s *Service) Ensure(ctx context.Context, in provision.Input, _ map[string][]byte) (provision.Output, error) {
	var answer Response
	status, err := s.call(ctx, http.MethodPut, string(in.Claim.GetUID()), of(in), &answer)
	if err != nil {
		return provision.Output{}, err
	}
	if status != http.StatusOK && status != http.StatusAccepted {
		return provision.Output{}, s.unexpected(status)
	}
	out := provision.Output{Ready: status == http.StatusOK && answer.Ready, Endpoint: answer.Endpoint, Waiting: brief(answer.Message)}
	if out.Waiting == "" {
		out.Waiting = "the capability's service is at work"
	}
	if len(answer.Connection) > 0 {
		out.Connection = make(map[string][]byte, len(answer.Connection))
		for key, value := range answer.Connection {
			out.Connection[key] = []byte(value)
		}
	}
	return out, nil
}

// Delete asks the service to end the claim.
func (s *Service) Delete(ctx context.Context, in provision.Input, policy provision.DeletionPolicy) (bool, error) {
	request := of(in)
	request.DeletionPolicy = string(policy)
	status, err := s.call(ctx, http.MethodDelete, string(in.Claim.GetUID()), request, &Response{})
	switch {
	case err != nil:
		return false, err
	case status == http.StatusNoContent || status == http.StatusNotFound || status == http.StatusOK:
		return true, nil
	case status == http.StatusAccepted:
		return false, nil
	}
	return false, s.unexpected(status)
}

// Plan asks the service what it would do, or says which request it will get.
func (s *Service) Plan(ctx context.Context, in provision.Input) (provision.Preview, error) {
	var answer Response
	status, err := s.call(ctx, http.MethodPost, "plan", of(in), &answer)
	if err != nil {
		return provision.Preview{}, err
	}
	if status != http.StatusOK {
		answer.External = []provision.External{{System: s.address.Redacted(), Kind: "request", Name: "PUT", Detail: "the service does not say what it makes"}}
	}
	return provision.Preview{External: answer.External, ConnectionKeys: s.keys, Endpoint: answer.Endpoint}, nil
}

func of(in provision.Input) Request {
	return Request{
		UID: string(in.Claim.GetUID()), Name: in.Claim.GetName(), Namespace: in.Tenant.Namespace,
		Capability: in.Capability, Version: in.Version, Revision: in.Revision, Spec: in.Spec,
		Tenant: Tenant{Name: in.Tenant.Name, BusinessUnit: in.Tenant.BusinessUnit, Tier: in.Tenant.Tier, Environment: in.Tenant.Environment, DataClass: in.Tenant.DataClass},
	}
}

// call sends a request and reads the answer. An answer that says that the user
// must act is an error that wraps provision.ErrInvalid.
func (s *Service) call(ctx context.Context, method, path string, body Request, answer *Response) (status int, err error) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("write the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.address.JoinPath(path).String(), bytes.NewReader(content))
	if err != nil {
		return 0, fmt.Errorf("write the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, application/problem+json")
	sum := sha256.Sum256(append([]byte(method+" "), content...))
	request.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:16]))
	if s.secret != "" {
		token, err := s.tokens.Token(ctx, body.Capability, s.secret)
		if err != nil {
			return 0, fmt.Errorf("read the token of the capability's service: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("the capability's service did not answer: %w", stripped(err))
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("the capability's service did not finish its answer: %w", stripped(err))
	case len(text) > mostAnswer:
		return 0, fmt.Errorf("the capability's service answered more than %d bytes", mostAnswer)
	}
	return response.StatusCode, s.read(response, text, answer)
}

// stripped is the error without the URL, which differs for each claim.
func stripped(err error) error {
	if inner, is := errors.AsType[*url.Error](err); is {
		return inner.Err
	}
	return err
}

// read reads an answer's text.
func (s *Service) read(response *http.Response, text []byte, answer *Response) error {
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: the capability's service refuses the claim: %s", provision.ErrInvalid, reason(text))
	case http.StatusOK, http.StatusAccepted:
	default:
		return nil
	}
	if len(bytes.TrimSpace(text)) == 0 && response.Request.Method == http.MethodDelete {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fmt.Errorf("the capability's service answered %q instead of application/json", response.Header.Get("Content-Type"))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(answer); err != nil {
		return errors.New("the capability's service answered what is no Response: see the contract") // the text may hold a password
	}
	return nil
}

// reason is what a refusal says.
func reason(text []byte) string {
	var problem Problem
	if json.Unmarshal(text, &problem) == nil {
		if said := brief(problem.Detail); said != "" {
			return said
		}
		if said := brief(problem.Title); said != "" {
			return said
		}
	}
	return "it does not say why"
}

// brief is text as it may stand in a condition: one line of bounded length.
func brief(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) > mostMessage {
		text = strings.ToValidUTF8(text[:mostMessage], "") + "…"
	}
	return text
}

func (s *Service) unexpected(status int) error {
	return fmt.Errorf("the capability's service answered %d %s", status, http.StatusText(status))
}
