package listen

import (
	"crypto/tls"
	"errors"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
)

// errUnknownName refuses a handshake.
var errUnknownName = errors.New("no listener has the server name")

// names are the TLS configurations of a socket by server name. It is immutable.
type names struct {
	hosts match.Hosts[*tls.Config]
	made  map[*gateway.ServerTLS]*tls.Config
}

// newNames prepares the configurations; those that are as they were are kept, so
// that clients can resume their sessions.
func newNames(listeners []*gateway.Listener, before *names) *names {
	n := &names{made: map[*gateway.ServerTLS]*tls.Config{}}
	taken := map[string]bool{}
	for _, l := range listeners {
		if l.TLS == nil || len(l.TLS.Certificates) == 0 || taken[l.Hostname] {
			continue // without a certificate its names are refused
		}
		var config *tls.Config
		if before != nil {
			config = before.made[l.TLS]
		}
		if config == nil {
			config = configOf(l.TLS)
		}
		taken[l.Hostname], n.made[l.TLS] = true, config
		n.hosts.Put(l.Hostname, config)
	}
	return n
}

func (n *names) choose(server string) (*tls.Config, error) {
	if config, ok := n.hosts.First(match.HostOf(server)); ok {
		return config, nil
	}
	return nil, errUnknownName
}

// offered is what every socket with TLS offers at least.
func offered() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// configOf is what a listener presents and demands. A certificate that is not
// demanded is asked for and left to authentication to verify: a bad one is no
// identity, and no reason to refuse the connection.
func configOf(source *gateway.ServerTLS) *tls.Config {
	config := offered()
	config.Certificates = source.Certificates
	config.MinVersion = max(config.MinVersion, source.MinVersion)
	switch {
	case source.ClientCAs == nil:
	case source.RequireClient:
		config.ClientCAs, config.ClientAuth = source.ClientCAs, tls.RequireAndVerifyClientCert
	default:
		config.ClientCAs, config.ClientAuth = source.ClientCAs, tls.RequestClientCert
	}
	return config
}
