package standalone

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
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

// contextName names cluster and context in every kubeconfig written here.
const contextName = "roadbed"

// Access lets people and programs into the cluster of a data directory, by
// client certificates that its authority signs. They last 90 days and cannot be
// called back: take rights away through RBAC, or reset.
//
// Every method is safe for concurrent use.
type Access struct {
	server    string
	authority identityPair
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
	authority, err := vault{layout: l, clock: clk, complete: true}.load(clusterAuthority)
	if errors.Is(err, errAbsent) {
		return nil, l.damaged(vault{layout: l}.certFile(clusterAuthority), os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return newAccess(port, authority, clk), nil
}

func newAccess(port int, authority identityPair, clk clock.PassiveClock) *Access {
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

func (a *Access) restConfig(pair identityPair) *rest.Config {
	return &rest.Config{
		Host: a.server,
		QPS:  -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   a.authority.certPEM,
			CertData: pair.certPEM,
			KeyData:  pair.keyPEM,
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

func (a *Access) kubeconfigOf(user string, pair identityPair) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = contextName
	config.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: user}
	config.Clusters[contextName] = &clientcmdapi.Cluster{Server: a.server, CertificateAuthorityData: a.authority.certPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.certPEM, ClientKeyData: pair.keyPEM}
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encode kubeconfig of %q: %w", user, err)
	}
	return content, nil
}

func (a *Access) certify(user string, groups []string) (identityPair, error) {
	if user == "" {
		return identityPair{}, errors.New("a client certificate needs a user name")
	}
	return a.authority.issue(subject{name: user, groups: groups, client: true}, nil, a.clock.Now(), userLife)
}
