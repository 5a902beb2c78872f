// Package operator makes overrides true. Three things work on them:
//
//   - The override controller writes the status of each PolicyOverride: it
//     checks what is asked for, puts grants and ends on the trail, and tells
//     people before an override ends.
//   - The ledger controller writes the one OverrideLedger from the overrides
//     whose grant is on the trail. It wakes for every change, and at the moment
//     an override ends; what is over leaves the ledger before anything else
//     happens. A ledger that was deleted is written anew at once.
//   - Live follows the ledger in every replica and answers for whoever evaluates
//     policies in this process.
//
// What always holds: nothing is waived whose grant is not on the trail; the
// ledger can be written anew from the overrides at any time, so that a crash
// between any two writes loses nothing; a record may be on the trail twice after
// a crash, and never not at all.
package operator
