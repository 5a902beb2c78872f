// Package kill holds the tests that kill Roadbed's server with -9 again and again.
// While tenants are onboarded, no pod may ever be admitted into a namespace whose
// guardrails are not all in force; while claims are made, changed and given up, none
// may be lost, doubled or leave anything behind.
//
// The first proof does not trust what is there afterwards. A history records every
// change of every guardrail in etcd's own order; for each pod it is then asked
// what was in force at the revision before the one that made the pod.
//
// The second has all that a server writes come through a doorway, which kills it
// before or after a chosen write, and a service outside the cluster that kills it in
// the middle of a request. ROADBED_KILLS says how often; a few times without it.
package kill
