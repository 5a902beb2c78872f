// Package rbac holds the rights that governance needs of a cluster, as YAML.
package rbac
