package reports

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
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Asking the server.
const (
	patience  = 30 * time.Second
	tokenLife = 10 * time.Minute
	// mostOfError is how much of an answer that is an error is read.
	mostOfError = 4 << 10
)

// fromServer reads reports from the server.
func (p *program) fromServer(ctx context.Context, f *flags) ([]found, error) {
	var list reportapi.List[found]
	err := p.ask(ctx, f, reportapi.PathReports, &list)
	return list.Items, err
}

// ask gets JSON from the server.
func (p *program) ask(ctx context.Context, f *flags, path string, into any) error {
	base, err := p.serverURL(ctx, f)
	if err != nil {
		return err
	}
	token, err := p.token(ctx, f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path+"?"+f.query(p.Clock.Now()).Encode(), http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the server at %s: %w", base, err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
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

// query is what the flags choose, as the server takes it.
func (f *flags) query(now time.Time) url.Values {
	values := url.Values{}
	for key, value := range map[string]string{"namespace": f.namespace, "tenant": f.tenant, "policy": f.policy, "status": f.status} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if f.history {
		values.Set("since", now.Add(-f.since).UTC().Format(time.RFC3339))
	}
	return values
}

// serverURL is where the server answers.
func (p *program) serverURL(ctx context.Context, f *flags) (string, error) {
	if f.server != "" {
		return f.server, nil
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
		return "", errors.New("no server runs on this machine; name one with --server, such as a port forwarded by \"kubectl -n roadbed-system port-forward deployment/roadbed 8081\"")
	}
	return state.Server.Health, nil
}

// token tells the server who asks: the token of the kubeconfig, where the user
// chose the server, or one that an admin makes for Roadbed and that opens
// nothing but reports.
func (p *program) token(ctx context.Context, f *flags) (string, error) {
	config, err := p.RestConfig()
	if err != nil {
		return "", err
	}
	if config.BearerTokenFile != "" && f.server != "" {
		content, err := os.ReadFile(config.BearerTokenFile)
		return strings.TrimSpace(string(content)), err
	}
	if config.BearerToken != "" && f.server != "" {
		return config.BearerToken, nil
	}
	direct, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("reach the cluster at %s: %w", config.Host, err)
	}
	asked := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{reportapi.Audience}, ExpirationSeconds: new(int64(tokenLife.Seconds())),
	}}
	made, err := direct.CoreV1().ServiceAccounts(identity.SystemNamespace).CreateToken(ctx, "roadbed", asked, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make a token for the server's reports, which takes a cluster admin or a kubeconfig with a token: %w", err)
	}
	return made.Status.Token, nil
}
