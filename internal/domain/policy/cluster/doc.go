// Package cluster tells what the cluster is like to whoever judges by policies:
// which resources it serves, what its namespaces are, and which roles are bound
// to a user. It answers from caches wherever it can.
package cluster
