// Package running asks the server that runs: where it is, and who asks.
//
// Without a URL it is the server of this machine's embedded platform. Who asks is
// shown by a token: that of the kubeconfig where a URL was given, else one that a
// cluster admin makes for Roadbed and that opens nothing but what is asked.
package running

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

const (
	patience  = 30 * time.Second
	tokenLife = 10 * time.Minute
	// mostOfError is how much of an answer that is an error is read.
	mostOfError = 4 << 10
)

// ServerUsage is what the flag --server says where a verb has it.
const ServerUsage = "URL of the server's health address, such as one forwarded by \"kubectl -n roadbed-system port-forward deployment/roadbed 8081\" (default this machine's)"

// Question is what a server is asked.
type Question struct {
	// Server is its URL; empty for this machine's.
	Server string
	Path   string
	Query  url.Values
	// Audience is whom a token is made for.
	Audience string
}

// ErrNone means that no server was named and none runs on this machine.
var ErrNone = errors.New("no server runs on this machine; name one with --server, such as a port forwarded by \"kubectl -n roadbed-system port-forward deployment/roadbed 8081\"")

// Ask gets JSON from the server.
func Ask(ctx context.Context, p *verb.Program, q Question, into any) error {
	base, err := serverURL(ctx, p, q.Server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := tokenOf(ctx, p, q)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+q.Path+"?"+q.Query.Encode(), http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the server at %s: %w", base, err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		// Not wrapped: it is no word on the cluster, whose API server answers.
		return errors.New("the server does not answer: " + err.Error())
	}
	defer func() { _ = response.Body.Close() }() // it was read, or is of no use
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, mostOfError)) // the status says enough
		return fmt.Errorf("the server at %s answers %s: %s", base, response.Status, strings.TrimSpace(string(said)))
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read what the server at %s answers: %w", base, err)
	}
	return nil
}

// serverURL is where the server answers.
func serverURL(ctx context.Context, p *verb.Program, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	dir, err := p.DataDir()
	if err != nil {
		return "", err
	}
	state, err := embedded.Look(ctx, dir)
	if err != nil {
		return "", err
	}
	if !state.Running || state.Server.Health == "" {
		return "", ErrNone
	}
	return state.Server.Health, nil
}

// tokenOf tells the server who asks.
func tokenOf(ctx context.Context, p *verb.Program, q Question) (string, error) {
	config, err := p.RestConfig()
	if err != nil {
		return "", err
	}
	if config.BearerTokenFile != "" && q.Server != "" {
		content, err := os.ReadFile(config.BearerTokenFile)
		return strings.TrimSpace(string(content)), err
	}
	if config.BearerToken != "" && q.Server != "" {
		return config.BearerToken, nil
	}
	direct, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("reach the cluster at %s: %w", config.Host, err)
	}
	asked := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{q.Audience}, ExpirationSeconds: new(int64(tokenLife.Seconds())),
	}}
	made, err := direct.CoreV1().ServiceAccounts(identity.SystemNamespace).CreateToken(ctx, "roadbed", asked, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make a token to ask the server with, which takes a cluster admin or a kubeconfig with a token: %w", err)
	}
	return made.Status.Token, nil
}
