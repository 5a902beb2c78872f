// Package kill holds the test that kills Roadbed's server with -9 again and
// again while tenants are onboarded, and proves that no pod was ever admitted
// into a namespace whose guardrails were not all in force.
//
// The proof does not trust what is there afterwards. A history records every
// change of every guardrail in etcd's own order; for each pod it is then asked
// what was in force at the revision before the one that made the pod.
package kill
