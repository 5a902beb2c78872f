// Package guards holds the rules that Kubernetes itself enforces for tenancy,
// as native admission policies written in YAML.
//
// They hold while Roadbed is down, restarting or being upgraded, because the
// API server evaluates them; none calls a webhook. The core guards can also be
// given to the API server as files, and then hold against cluster admins too:
// no request changes a file. What neither form prevents is impersonation of
// Roadbed's own identity, which is on record in the audit log.
//
// Guards refuse when they cannot decide; the one paved road, which only spares
// people work, lets pass. Every refusal is one sentence that says what is
// refused, why, and what to do instead.
//
// The binding says in which namespaces a guard holds, not the policy: the API
// server parses a policy's selectors for each request of whatever kind, and
// those of a binding only for requests that the policy is about.
//
// The package is pure: it parses what is embedded and returns objects. The
// composition root installs them, and the embedded control plane loads the
// files.
package guards
