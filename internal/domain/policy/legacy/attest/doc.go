// Package attest compiles the attestors of kyverno.io/v1 verifyImages rules, who
// must have signed an image, and asks the World for their signatures.
//
// Keys and certificates without variables are parsed when the policy is compiled:
// a key that was shortened is an error then, not a refusal of every image later.
package attest
