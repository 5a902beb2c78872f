package standalone

import "fmt"

// credentials are what a start needs of the certificates and keys.
type credentials struct {
	access        *Access
	etcdAuthority identityPair
	etcdClient    identityPair
	encryptionKey string
}

// certify makes or renews every certificate and key, and the components'
// kubeconfig files.
func (p plan) certify() (credentials, error) {
	cluster, err := p.vault.authority(clusterAuthority)
	if err != nil {
		return credentials{}, err
	}
	c := credentials{access: newAccess(p.ports[apiserverName], cluster, p.vault.clock)}
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
	if err := p.vault.signingKey(serviceAccountKey); err != nil {
		return credentials{}, err
	}
	c.encryptionKey, err = p.vault.encryptionKey(encryptionKeyName)
	return c, err
}

func (p plan) certifyEtcd(c *credentials) error {
	var err error
	if c.etcdAuthority, err = p.vault.authority(etcdAuthority); err != nil {
		return err
	}
	server := subject{name: etcdName, hosts: []string{loopback, "localhost"}, client: true}
	if _, err := p.vault.leaf(etcdName, c.etcdAuthority, server); err != nil {
		return err
	}
	c.etcdClient, err = p.vault.leaf(etcdClient, c.etcdAuthority, subject{name: etcdClient, client: true})
	return err
}

func (p plan) certifyFrontProxy() error {
	authority, err := p.vault.authority(frontProxyAuthority)
	if err != nil {
		return err
	}
	_, err = p.vault.leaf(frontProxyClient, authority, subject{name: frontProxyClient, client: true})
	return err
}

func (p plan) certifyServers(authority identityPair) error {
	hosts := []string{loopback, "localhost"}
	inCluster := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1"}
	for name, hosts := range map[string][]string{
		apiserverName:  append(hosts, inCluster...),
		controllerName: hosts,
		schedulerName:  hosts,
	} {
		if _, err := p.vault.leaf(name, authority, subject{name: name, hosts: hosts}); err != nil {
			return err
		}
	}
	return nil
}

// certifyClients writes the kubeconfig files, at every start: the port of the
// API server may have changed.
func (p plan) certifyClients(access *Access) error {
	users := map[string]subject{
		p.layout.client(controllerName): {name: "system:kube-controller-manager"},
		p.layout.client(schedulerName):  {name: "system:kube-scheduler"},
		p.layout.client(simulatorName):  {name: SimulatorUser},
		p.layout.kubeconfig():           {name: AdminUser, groups: []string{AdminGroup}},
	}
	for file, user := range users {
		user.client = true
		pair, err := access.authority.issue(user, nil, p.vault.clock.Now(), leafLife)
		if err != nil {
			return err
		}
		content, err := access.kubeconfigOf(user.name, pair)
		if err != nil {
			return err
		}
		if err := writeFile(file, content); err != nil {
			return fmt.Errorf("write kubeconfig of %s: %w", user.name, err)
		}
	}
	return nil
}
