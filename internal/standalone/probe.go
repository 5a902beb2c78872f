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

// component is what the plane needs to know to run one. ready is asked after
// each start until it answers well, alive from then on: a component is not to
// blame for another one that it needs.
type component struct {
	name         string
	args         []string
	ready, alive func(context.Context) error
}

func (p *Plane) etcd() component {
	return component{etcdName, p.plan.etcdArgs(), p.etcdProbe("/readyz"), p.etcdProbe("/livez")}
}

func (p *Plane) apiserver() component {
	ready, alive := p.clusterProbe(apiserverName, "/readyz"), p.clusterProbe(apiserverName, "/livez?exclude=etcd")
	return component{apiserverName, p.plan.apiserverArgs(), ready, alive}
}

func (p *Plane) controllerManager() component {
	healthy := p.clusterProbe(controllerName, "/healthz")
	return component{controllerName, p.plan.controllerArgs(), healthy, healthy}
}

func (p *Plane) scheduler() component {
	ready, alive := p.clusterProbe(schedulerName, "/readyz"), p.clusterProbe(schedulerName, "/livez")
	return component{schedulerName, p.plan.schedulerArgs(), ready, alive}
}

// simulator has no port to ask: it is ready when its nodes are.
func (p *Plane) simulator(client kubernetes.Interface) component {
	ready := func(ctx context.Context) error { return nodesReady(ctx, client, p.config.Nodes) }
	alive := func(ctx context.Context) error { return nodesAlive(ctx, client, p.config.Nodes) }
	return component{simulatorName, p.plan.simulatorArgs(), ready, alive}
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
