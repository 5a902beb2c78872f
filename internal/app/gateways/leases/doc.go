// Package leases is how the processes of one gateway find the one that leads, and
// ask it for slices of budgets and to keep who used what.
//
//	leader:  a port of its own, TLS -> ConfigMap roadbed-gateway says where, and whose certificate
//	process: ConfigMap -> its leader; a token of the gateway's account -> who it is
//
// What always holds: the leader's key never leaves its process, and nobody but a
// process with a token of the gateway's account, made for this purpose alone, is
// listened to; who reads the ConfigMap learns no secret. Both ends do without the
// other: what a policy says of a limiter that is alone then holds, and uses are
// kept until they could be told.
package leases

import "github.com/roadbed-dev/roadbed/internal/kernel/identity"

const (
	// Account is the service account of processes that only serve.
	Account = "roadbed-gateway"
	// ConfigMap says who leads. It is in the system namespace.
	ConfigMap = "roadbed-gateway"
	// Audience is what tokens are made for with which processes ask their leader.
	Audience = "roadbed-gateway-leases"
	// UsesPath is where the leader is told who used what.
	UsesPath = "/gateway/v1/uses"

	// keyAddress and keyAuthority are the ConfigMap's: host:port, and PEM.
	keyAddress   = "address"
	keyAuthority = "ca.crt"
)

// User is the account as the API server names it.
const User = "system:serviceaccount:" + identity.SystemNamespace + ":" + Account
