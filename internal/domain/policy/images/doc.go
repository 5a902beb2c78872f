// Package images proves who signed a container image.
//
// It finds signatures and attestations where cosign leaves them (the tags
// sha256-<digest>.sig and .att, and Sigstore bundles among the referrers) and
// notation signatures among the referrers, and holds each to what an attestor
// asks for: a key, a certificate, an identity, an entry in a transparency log.
//
// What always holds:
//   - A proof is about a digest. A tag is resolved once, and the digest it had
//     then is part of the proof.
//   - Every signature found is tried; one that satisfies the attestor is enough.
//     A signature of another image, or one without what the attestor asks for,
//     counts as none.
//   - Nothing here talks to Sigstore's servers: keys of transparency logs and
//     roots of certificates come from the policy or from the trusted root that
//     the operator gave.
//   - Proofs are kept for an hour, because a digest and a key do not change;
//     refusals for ten seconds; failures to reach a registry not at all, but that
//     it let somebody wait in vain for fifteen seconds, in which nobody waits for
//     it again. Callers that ask the same at the same time share one answer.
//
// Data flow: policy.ImageCheck -> digest (Registry) -> candidates (Registry) ->
// sigstore-go or notation-go -> policy.ImageProof.
package images
