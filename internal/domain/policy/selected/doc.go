// Package selected tells which kinds a policy names in vain: those that the
// cluster does not serve, and those of the cluster in a policy of one namespace.
// It is pure.
package selected
