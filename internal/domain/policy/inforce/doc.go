// Package inforce follows the policies of the cluster and keeps them compiled,
// for everybody in this process who judges by them: the webhook, the scan, the
// controllers of overrides.
//
// What always holds:
//   - Every replica follows, elected or not.
//   - The set is replaced as a whole. A policy that does not compile any more
//     keeps the form in which it last did, as its native twin does.
//   - The platform's own Mandatory policies are always in the set: they are no
//     objects where the API server has them as files.
package inforce
