package standalone

import (
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// loopback is the only address that anything here listens on.
const loopback = "127.0.0.1"

// The ranges that the plane takes addresses from.
const (
	serviceRange = "10.96.0.0/16"
	podRange     = "10.244.0.0/16"
)

// ClusterCIDRs are the ranges of the plane's services and pods.
func ClusterCIDRs() []string { return []string{serviceRange, podRange} }

// Names of the components, as roadbed-kube and the status know them.
const (
	etcdName       = "etcd"
	apiserverName  = "kube-apiserver"
	controllerName = "kube-controller-manager"
	schedulerName  = "kube-scheduler"
	simulatorName  = "kwok"
)

// peerListener is etcd's second listener; every other is named by its component.
const peerListener = "etcd-peer"

// listeners are all that listen on a port, in the order in which ports are chosen.
var listeners = []string{etcdName, peerListener, apiserverName, controllerName, schedulerName}

// Names of certificates and keys in the pki folder.
const (
	clusterAuthority    = "ca"
	etcdAuthority       = "etcd-ca"
	frontProxyAuthority = "front-proxy-ca"
	etcdClient          = "apiserver-etcd-client"
	frontProxyClient    = "front-proxy-client"
	serviceAccountKey   = "service-accounts"
	encryptionKeyName   = "encryption"
)

// plan knows everything that the components' command lines depend on.
type plan struct {
	layout    layout
	vault     pki.Vault
	ports     map[string]int
	ephemeral bool
}

func (p plan) endpoint(listener string) string { return endpoint(p.ports[listener]) }

func (p plan) port(listener string) string { return strconv.Itoa(p.ports[listener]) }

func (p plan) cert(name string) string { return p.vault.CertFile(name) }

func (p plan) key(name string) string { return p.vault.KeyFile(name) }

// etcdArgs run a cluster of one member. Nobody votes but itself, so a short
// election only makes it start sooner.
func (p plan) etcdArgs() []string {
	return []string{
		"--name=roadbed",
		"--data-dir=" + p.layout.etcd(),
		"--listen-client-urls=" + p.endpoint(etcdName),
		"--advertise-client-urls=" + p.endpoint(etcdName),
		"--listen-peer-urls=" + p.endpoint(peerListener),
		"--initial-advertise-peer-urls=" + p.endpoint(peerListener),
		"--initial-cluster=roadbed=" + p.endpoint(peerListener),
		"--cert-file=" + p.cert(etcdName), "--key-file=" + p.key(etcdName),
		"--client-cert-auth", "--trusted-ca-file=" + p.cert(etcdAuthority),
		"--peer-cert-file=" + p.cert(etcdName), "--peer-key-file=" + p.key(etcdName),
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + p.cert(etcdAuthority),
		"--heartbeat-interval=20", "--election-timeout=200",
		"--quota-backend-bytes=4294967296",
		"--log-outputs=stderr", "--log-level=warn",
		"--unsafe-no-fsync=" + strconv.FormatBool(p.ephemeral),
	}
}

// apiserverArgs leave out an endpoint for the service "kubernetes": nothing in
// the cluster could reach 127.0.0.1.
func (p plan) apiserverArgs() []string {
	args := []string{
		"--bind-address=" + loopback, "--advertise-address=" + loopback, "--secure-port=" + p.port(apiserverName),
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + p.cert(apiserverName), "--tls-private-key-file=" + p.key(apiserverName),
		"--tls-min-version=VersionTLS12",
		"--etcd-servers=" + p.endpoint(etcdName), "--etcd-cafile=" + p.cert(etcdAuthority),
		"--etcd-certfile=" + p.cert(etcdClient), "--etcd-keyfile=" + p.key(etcdClient),
		"--encryption-provider-config=" + p.layout.config(encryptionFile),
		"--client-ca-file=" + p.cert(clusterAuthority),
		"--authentication-config=" + p.layout.config(authenticationFile),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged",
		"--enable-admission-plugins=NodeRestriction,PodSecurity",
		"--admission-control-config-file=" + p.layout.config(admissionFile),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + p.key(serviceAccountKey),
		"--service-account-signing-key-file=" + p.key(serviceAccountKey),
		"--service-cluster-ip-range=" + serviceRange,
		"--profiling=false",
	}
	return append(append(args, p.aggregationArgs()...), p.auditArgs()...)
}

func (p plan) aggregationArgs() []string {
	return []string{
		"--requestheader-client-ca-file=" + p.cert(frontProxyAuthority),
		"--requestheader-allowed-names=" + frontProxyClient,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.cert(frontProxyClient), "--proxy-client-key-file=" + p.key(frontProxyClient),
	}
}

// auditArgs keep at most 30 days and 384 MiB.
func (p plan) auditArgs() []string {
	return []string{
		"--audit-policy-file=" + p.layout.config(auditPolicyFile),
		"--audit-log-path=" + p.layout.auditLog(),
		"--audit-log-maxage=30", "--audit-log-maxbackup=5", "--audit-log-maxsize=64",
	}
}

// controllerArgs raise the client's limits: at the default of 20 requests a
// second a thousand new quotas take 52 s to become live.
func (p plan) controllerArgs() []string {
	return append(p.componentArgs(controllerName),
		"--kubeconfig="+p.layout.client(controllerName),
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file="+p.key(serviceAccountKey),
		"--root-ca-file="+p.cert(clusterAuthority),
		"--cluster-signing-cert-file="+p.cert(clusterAuthority),
		"--cluster-signing-key-file="+p.key(clusterAuthority),
		"--kube-api-qps=300", "--kube-api-burst=600",
		"--concurrent-resource-quota-syncs=20",
		"--concurrent-namespace-syncs=20",
		"--profiling=false",
	)
}

func (p plan) schedulerArgs() []string {
	return append(p.componentArgs(schedulerName), "--config="+p.layout.config(schedulerFile))
}

// componentArgs are how the controller manager and the scheduler serve: the
// authorities are given, so that they need not ask an API server that is still
// starting.
func (p plan) componentArgs(name string) []string {
	return []string{
		"--bind-address=" + loopback, "--secure-port=" + p.port(name),
		"--tls-cert-file=" + p.cert(name), "--tls-private-key-file=" + p.key(name),
		"--tls-min-version=VersionTLS12",
		"--authentication-kubeconfig=" + p.layout.client(name),
		"--authorization-kubeconfig=" + p.layout.client(name),
		"--authentication-skip-lookup",
		"--client-ca-file=" + p.cert(clusterAuthority),
		"--requestheader-client-ca-file=" + p.cert(frontProxyAuthority),
		"--requestheader-allowed-names=" + frontProxyClient,
	}
}

// simulatorArgs open no port. Pods get addresses out of the range; nothing
// answers there.
func (p plan) simulatorArgs() []string {
	return []string{
		"--config=" + p.layout.config(stagesFile),
		"--kubeconfig=" + p.layout.client(simulatorName),
		"--manage-nodes-with-annotation-selector=" + fakeNodeAnnotation + "=" + fakeNodeValue,
		"--cidr=" + podRange,
		"--node-lease-duration-seconds=40",
	}
}
