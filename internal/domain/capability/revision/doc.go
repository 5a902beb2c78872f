// Package revision keeps what each version of a capability meant, and says which
// claim is rendered by which of these revisions.
//
// A revision is made whenever schema, connection or provisioner of a version
// change, and never changes itself. A pinned claim stays with its revision. A
// floating one follows its own version, never another, wave after wave: a wave
// opens when every claim of the earlier ones is Ready with the new revision, and
// not before its time. A claim that fails thus stops the rollout.
//
// The package is pure.
package revision
