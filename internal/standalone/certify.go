package standalone

import (
	"fmt"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// credentials are what a start needs of the certificates and keys.
type credentials struct {
	access        *Access
	etcdAuthority pki.Pair
	etcdClient    pki.Pair
	encryptionKey string
}

// certify makes or renews every certificate and key, and the components'
// kubeconfig files.
func (p plan) certify() (credentials, error) {
	cluster, err := p.vault.Authority(clusterAuthority)
	if err != nil {
		return credentials{}, err
	}
	c := credentials{access: newAccess(p.ports[apiserverName], cluster, p.vault.Clock)}
	if err := p.certifyEtcd(&c); err != nil {
		return credentials{}, err
	}
	if err := p.certifyFrontProxy(); err != nil {
		return credentials{}, err
	}
	if err := p.certifyServers(cluster); err != nil {
		return credentials{}, err
	}
	if err := p.certifyClients(c.access); err != nil {
		return credentials{}, err
	}
	if err := p.vault.SigningKey(serviceAccountKey); err != nil {
		return credentials{}, err
	}
	c.encryptionKey, err = p.vault.EncryptionKey(encryptionKeyName)
	return c, err
}

func (p plan) certifyEtcd(c *credentials) error {
	var err error
	if c.etcdAuthority, err = p.vault.Authority(etcdAuthority); err != nil {
		return err
	}
	server := pki.Subject{Name: etcdName, Hosts: []string{loopback, "localhost"}, Client: true}
	if _, err := p.vault.Leaf(etcdName, c.etcdAuthority, server); err != nil {
		return err
	}
	c.etcdClient, err = p.vault.Leaf(etcdClient, c.etcdAuthority, pki.Subject{Name: etcdClient, Client: true})
	return err
}

func (p plan) certifyFrontProxy() error {
	authority, err := p.vault.Authority(frontProxyAuthority)
	if err != nil {
		return err
	}
	_, err = p.vault.Leaf(frontProxyClient, authority, pki.Subject{Name: frontProxyClient, Client: true})
	return err
}

func (p plan) certifyServers(authority pki.Pair) error {
	hosts := []string{loopback, "localhost"}
	inCluster := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1"}
	for name, hosts := range map[string][]string{
		apiserverName:  append(hosts, inCluster...),
		controllerName: hosts,
		schedulerName:  hosts,
	} {
		if _, err := p.vault.Leaf(name, authority, pki.Subject{Name: name, Hosts: hosts}); err != nil {
			return err
		}
	}
	return nil
}

// certifyClients writes the kubeconfig files, at every start: the port of the
// API server may have changed.
func (p plan) certifyClients(access *Access) error {
	users := map[string]pki.Subject{
		p.layout.client(controllerName): {Name: "system:kube-controller-manager"},
		p.layout.client(schedulerName):  {Name: "system:kube-scheduler"},
		p.layout.client(simulatorName):  {Name: SimulatorUser},
		p.layout.kubeconfig():           {Name: AdminUser, Groups: []string{AdminGroup}},
	}
	for file, user := range users {
		user.Client = true
		pair, err := access.authority.Issue(user, nil, p.vault.Clock.Now(), pki.LeafLife)
		if err != nil {
			return err
		}
		content, err := access.kubeconfigOf(user.Name, pair)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(file, content); err != nil {
			return fmt.Errorf("write kubeconfig of %s: %w", user.Name, err)
		}
	}
	return nil
}
