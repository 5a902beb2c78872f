package standalone

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// Users of the embedded cluster that standalone itself certifies.
const (
	// AdminUser is the person who ran `roadbed up`, in the group AdminGroup.
	AdminUser = "kubernetes-admin"
	// AdminGroup may do everything.
	AdminGroup = "system:masters"
	// SimulatorUser plays the kubelet of simulated nodes. It may only do what
	// that takes.
	SimulatorUser = "roadbed:simulated-nodes"
)

// userLife is how long a user's certificate lasts.
const userLife = 90 * 24 * time.Hour

// contextName names cluster and context in every kubeconfig written here.
const contextName = "roadbed"

// Access lets people and programs into the cluster of a data directory, by
// client certificates that its authority signs. They last 90 days and cannot be
// called back: take rights away through RBAC, or reset.
//
// Every method is safe for concurrent use.
type Access struct {
	server    string
	authority pki.Pair
	clock     clock.PassiveClock
}

// OpenAccess reads the authority of a data directory. The plane need not run.
func OpenAccess(dataDir string, clk clock.PassiveClock) (*Access, error) {
	l := layout(dataDir)
	s, err := loadState(l)
	if err != nil {
		return nil, err
	}
	port, known := s.Ports[apiserverName]
	if !known {
		return nil, fmt.Errorf("data directory %s has no cluster yet: `roadbed up` makes one", dataDir)
	}
	vault := pki.Vault{Dir: l.pki(), Clock: clk, Complete: true}
	authority, err := vault.Load(clusterAuthority)
	if errors.Is(err, pki.ErrAbsent) {
		return nil, l.damaged(vault.CertFile(clusterAuthority), os.ErrNotExist)
	}
	if err != nil {
		return nil, l.damagedKey(err)
	}
	return newAccess(port, authority, clk), nil
}

func newAccess(port int, authority pki.Pair, clk clock.PassiveClock) *Access {
	return &Access{server: endpoint(port), authority: authority, clock: clk}
}

// endpoint is the URL of a listener on this machine.
func endpoint(port int) string {
	return "https://" + net.JoinHostPort(loopback, strconv.Itoa(port))
}

// Server is the API server's URL.
func (a *Access) Server() string { return a.server }

// ClientConfig returns a configuration for a client that acts as the user. It
// has no client-side rate limit: the API server's priority and fairness decides.
func (a *Access) ClientConfig(user string, groups ...string) (*rest.Config, error) {
	pair, err := a.certify(user, groups)
	if err != nil {
		return nil, err
	}
	return a.restConfig(pair), nil
}

func (a *Access) restConfig(pair pki.Pair) *rest.Config {
	return &rest.Config{
		Host: a.server,
		QPS:  -1,
		// Nothing here leaves the machine.
		DisableCompression: true,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   a.authority.CertPEM,
			CertData: pair.CertPEM,
			KeyData:  pair.KeyPEM,
		},
	}
}

// Kubeconfig returns a kubeconfig file that acts as the user, with everything
// in it that kubectl needs.
func (a *Access) Kubeconfig(user string, groups ...string) ([]byte, error) {
	pair, err := a.certify(user, groups)
	if err != nil {
		return nil, err
	}
	return a.kubeconfigOf(user, pair)
}

func (a *Access) kubeconfigOf(user string, pair pki.Pair) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = contextName
	config.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: user}
	config.Clusters[contextName] = &clientcmdapi.Cluster{Server: a.server, CertificateAuthorityData: a.authority.CertPEM, DisableCompression: true}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.CertPEM, ClientKeyData: pair.KeyPEM}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encode kubeconfig of %q: %w", user, err)
	}
	return content, nil
}

func (a *Access) certify(user string, groups []string) (pki.Pair, error) {
	if user == "" {
		return pki.Pair{}, errors.New("a client certificate needs a user name")
	}
	return a.authority.Issue(pki.Subject{Name: user, Groups: groups, Client: true}, nil, a.clock.Now(), userLife)
}

// openConnections makes the pipe for the children and our own client configurations.
func (p *Plane) openConnections() error {
	var err error
	if p.admin, err = p.ClientConfig(AdminUser, AdminGroup); err != nil {
		return err
	}
	if p.roadbed, err = p.ClientConfig(identity.Roadbed, identity.RoadbedGroups()...); err != nil {
		return err
	}
	if p.lifeline, p.holding, err = os.Pipe(); err != nil {
		return fmt.Errorf("make lifeline: %w", err)
	}
	return nil
}
