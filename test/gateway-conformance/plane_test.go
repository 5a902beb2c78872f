package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/upstream"
)

// dataPlane is the gateway's proxy and its upstream leg behind net/http, on a socket
// for each address.
type dataPlane struct {
	proxy     *proxy.Proxy
	transport *upstream.Transport
	config    atomic.Pointer[gateway.Config]

	mu      sync.Mutex
	servers map[netip.AddrPort]*http.Server // guarded by mu
}

func newDataPlane(dial func(ctx context.Context, network, address string) (net.Conn, error)) *dataPlane {
	transport := upstream.New(upstream.Options{Dial: dial})
	return &dataPlane{
		transport: transport, proxy: proxy.New(transport), servers: map[netip.AddrPort]*http.Server{},
	}
}

// Apply serves by the Config.
func (p *dataPlane) Apply(config *gateway.Config) error {
	p.transport.Update(config.Backends)
	p.config.Store(config)
	err := p.proxy.Apply(config)
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := map[netip.AddrPort]bool{}
	for i := range config.Listeners {
		l := &config.Listeners[i]
		wanted[l.Address] = true
		if p.servers[l.Address] == nil {
			err = errors.Join(err, p.listen(l.Address, l.Protocol == gateway.HTTPS))
		}
	}
	for address, server := range p.servers {
		if !wanted[address] {
			err = errors.Join(err, server.Close())
			delete(p.servers, address)
		}
	}
	return err
}

// listen is called with mu held.
func (p *dataPlane) listen(address netip.AddrPort, secure bool) error {
	socket, err := net.Listen("tcp", address.String())
	if err != nil {
		return err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: p.proxy.Handler(address), Protocols: protocols}
	p.servers[address] = server
	if !secure {
		go server.Serve(socket) //nolint:errcheck // it ends with Close
		return nil
	}
	server.TLSConfig = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return p.choose(address, hello.ServerName)
	}}
	go server.ServeTLS(socket, "", "") //nolint:errcheck // it ends with Close
	return nil
}

// choose finds the listener for a server name, the most exact first.
func (p *dataPlane) choose(address netip.AddrPort, name string) (*tls.Config, error) {
	var best *gateway.Listener
	listeners := p.config.Load().Listeners
	for i := range listeners {
		l := &listeners[i]
		suffix, wild := strings.CutPrefix(l.Hostname, "*")
		fits := l.Hostname == "" || strings.EqualFold(l.Hostname, name) || wild && strings.HasSuffix(strings.ToLower(name), suffix)
		if l.Address != address || l.TLS == nil || !fits {
			continue
		}
		exact := strings.EqualFold(l.Hostname, name)
		if best == nil || exact || !strings.EqualFold(best.Hostname, name) && len(l.Hostname) > len(best.Hostname) {
			best = l
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no listener has %q", name)
	}
	config := &tls.Config{Certificates: best.TLS.Certificates, ClientCAs: best.TLS.ClientCAs, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case best.TLS.RequireClient:
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case best.TLS.ClientCAs != nil:
		config.ClientAuth = tls.RequestClientCert
	}
	return config, nil
}

func (p *dataPlane) stop() {
	p.mu.Lock()
	for _, server := range p.servers {
		_ = server.Close()
	}
	p.mu.Unlock()
	p.proxy.Close()
	p.transport.Close()
}
