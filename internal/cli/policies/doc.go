// Package policies has the verbs of governance: test and apply policies to
// objects of files, charts, kustomizations and clusters, explain what they
// decide, and list them.
//
// The verbs change nothing. They evaluate policies in this process, by the same
// code as scans and the webhook; what Roadbed does not support they say by name.
package policies
