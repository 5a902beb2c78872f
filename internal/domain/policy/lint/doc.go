// Package lint finds what is wrong with policies that are well formed: rules
// that can never fire, holes that a user gets through, keys that cannot be read,
// and policies that would stop the platform itself.
//
// Findings are about text, except one kind: to find out whether a policy would
// stop Kubernetes or Roadbed, it is evaluated on what those two write. A finding
// names the file, the line and what to do. The same documents give the same
// findings, in the order of files and lines.
//
// Codes are stable: scripts may filter by them, and a policy may say in the
// annotation policy.roadbed.dev/lint-ignore which ones it accepts, separated by
// commas.
package lint
