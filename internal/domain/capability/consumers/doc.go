// Package consumers answers over HTTP who uses a capability: straight from the
// ledger, so that an answer is no older than the ledger, which lags two seconds.
//
// What always holds: who asks shows a token of the cluster, and RBAC allows them
// to get capabilities/consumers: tenants need not know of each other.
package consumers
