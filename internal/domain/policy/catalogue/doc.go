// Package catalogue holds the platform's own policies, in the format that its
// users write theirs in: policies.kyverno.io/v1, embedded as YAML.
//
// Each policy says in its annotations which tier it belongs to, how severe it
// is, and what it is for. Mandatory ones need no parameter and no lookup, so
// that the API server can load them from files; the only mutating policy
// carries every default, because each one more costs every request.
//
// Policies about what tenants write select tenants' namespaces by the label
// that Roadbed alone sets. Those about the cloud's resources and the cluster's
// storage hold for everybody.
//
// The package is pure: it parses what is embedded and returns objects that are
// the caller's own. What the API server makes of them is package native's.
package catalogue
