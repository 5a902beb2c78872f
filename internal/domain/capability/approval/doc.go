// Package approval decides whether a claim may be provisioned: by nobody's leave,
// by one approver's, or by two, of whom neither asked.
//
// An approval speaks of the hash of the claim's spec: whoever edits the claim
// needs a new one. It is used once, before it expires; what was provisioned with
// it stays. Who asked and who approves is what the API server knows of the
// requests, held by native rules, so that neither can be forged: the rules are
// in Guards. Deciding is a pure function.
package approval
