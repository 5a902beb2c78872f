// Package rbac holds the rights that the gateway needs of a cluster, as YAML: those
// of the control plane, and those of a process that only serves.
package rbac
