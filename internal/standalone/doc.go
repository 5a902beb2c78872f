// Package standalone runs a whole Kubernetes control plane on this machine:
// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and, when
// asked, simulated nodes, all out of the one executable roadbed-kube.
//
// What always holds:
//
//   - Every port listens on 127.0.0.1 only and speaks TLS. etcd has a
//     certificate authority of its own, so that no cluster user's certificate
//     opens it.
//   - One data directory is used by one Plane at a time. The lock is inherited
//     by the children, so it is free only when the last of them is gone.
//   - Children never outlive the process that started them, even when it dies
//     by kill -9: each holds the read end of a pipe and ends when it closes.
//   - A child that ends is started again, after a delay that grows. One that
//     runs and does not answer any more is killed, and then the same.
//   - What cannot be read is reported as a DamagedError and left as it is.
//     Nothing here deletes state; only Erase does, when a person asked for it.
//
// The data directory, all of it readable by its owner alone:
//
//	lock             held by the Plane and its children
//	owner            held by the Plane alone, with its process id in it
//	state.json       ports, and how far etcd's log goes if it was initialised
//	status.json      the children as they are now; for other processes to read
//	kubeconfig       the administrator's access
//	pki/             authorities, certificates, the service accounts' key
//	clients/         kubeconfig files of the components
//	config/          what the components read; written anew at every start
//	etcd/            the database
//	logs/            one file per component, the audit log, each bounded
//
// Only internal/app, internal/cli and internal/kubetest import this package.
package standalone
