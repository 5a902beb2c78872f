package standalone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// component is what the plane needs to know to run one.
type component struct {
	name  string
	args  []string
	probe func(context.Context) error
}

func (p *Plane) etcd() component {
	probe := httpProbe(p.plan.endpoint(etcdName)+"/readyz", p.creds.etcdAuthority, p.creds.etcdClient)
	return component{etcdName, p.plan.etcdArgs(), probe}
}

func (p *Plane) apiserver() component {
	return component{apiserverName, p.plan.apiserverArgs(), p.clusterProbe(apiserverName, "/readyz")}
}

func (p *Plane) controllerManager() component {
	return component{controllerName, p.plan.controllerArgs(), p.clusterProbe(controllerName, "/healthz")}
}

func (p *Plane) scheduler() component {
	return component{schedulerName, p.plan.schedulerArgs(), p.clusterProbe(schedulerName, "/readyz")}
}

// simulator has no port to ask: it is ready when its nodes are.
func (p *Plane) simulator(client kubernetes.Interface) component {
	probe := func(ctx context.Context) error { return nodesReady(ctx, client, p.config.Nodes) }
	return component{simulatorName, p.plan.simulatorArgs(), probe}
}

// clusterProbe asks a health endpoint that answers to everybody.
func (p *Plane) clusterProbe(listener, path string) func(context.Context) error {
	return httpProbe(p.plan.endpoint(listener)+path, p.authority, pki.Pair{})
}

// httpProbe asks a URL of a server that the authority certified. Every question
// goes over a connection of its own: the server may be another one by now.
func httpProbe(url string, authority, client pki.Pair) func(context.Context) error {
	roots := x509.NewCertPool()
	roots.AddCert(authority.Cert)
	trust := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if client.Cert != nil {
		trust.Certificates = []tls.Certificate{{Certificate: [][]byte{client.Cert.Raw}, PrivateKey: client.Key}}
	}
	asker := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := asker.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		return errors.New(firstFailure(response))
	}
}

// firstFailure returns the line of a health report that says what fails.
func firstFailure(response *http.Response) string {
	const enough = 8 << 10
	body, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err != nil {
		return response.Status
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "[-]") {
			return fmt.Sprintf("%s: %s", response.Status, strings.TrimSpace(line))
		}
	}
	return response.Status
}
